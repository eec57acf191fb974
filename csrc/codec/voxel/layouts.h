/*
 * layouts.h: the neighbourhoods, which are constants of the format. They are in a header so that the compiler sees them
 * in the kernels, and makes a loop of its own for each.
 */
#ifndef ZBLOB_CODEC_VOXEL_LAYOUTS_H
#define ZBLOB_CODEC_VOXEL_LAYOUTS_H

#include "presets.h"

/* Sites, in the field's compass names; P is the reference plane, Q the plane before it. */
#define N {0, -1, 0}
#define NN {0, -2, 0}
#define NNN {0, -3, 0}
#define NW {0, -1, -1}
#define NE {0, -1, 1}
#define NWW {0, -1, -2}
#define NEE {0, -1, 2}
#define NWWW {0, -1, -3}
#define NEEE {0, -1, 3}
#define NNW {0, -2, -1}
#define NNE {0, -2, 1}
#define NNWW {0, -2, -2}
#define NNEE {0, -2, 2}
#define NNNW {0, -3, -1}
#define NNNE {0, -3, 1}
#define W {0, 0, -1}
#define E {0, 0, 1}
#define WWW {0, 0, -3}
#define EEE {0, 0, 3}
#define P {1, 0, 0}
#define PW {1, 0, -1}
#define PE {1, 0, 1}
#define PWW {1, 0, -2}
#define PEE {1, 0, 2}
#define PN {1, -1, 0}
#define PS {1, 1, 0}
#define PNW {1, -1, -1}
#define PNE {1, -1, 1}
#define PSW {1, 1, -1}
#define PSE {1, 1, 1}
#define PNN {1, -2, 0}
#define PSS {1, 2, 0}
#define Q {2, 0, 0}
#define QN {2, -1, 0}
#define QS {2, 1, 0}
#define QW {2, 0, -1}
#define QE {2, 0, 1}

/* [preset][0: alone, 1: with a reference plane][parity] */
static const struct voxel_layout voxel_layouts[VOXEL_PRESET_COUNT][2][2] = {
    {{{8, 5, false, false, {{{0}}}, {N, NW, NE, NN, NWW, NEE, NNW, NNE}, {N, NE, NW, NWW, NEE}},
      {10, 5, false, false, {{{0}}}, {N, W, E, NW, NE, NN, WWW, EEE, NWW, NEE}, {W, E, N, NW, NE}}},
     {{8, 6, true, false, {{{0}}}, {P, N, NW, NE, PW, PE, PN, PS}, {N, NE, NW, P, PE, PW}},
      {10, 4, true, false, {{{0}}}, {P, W, E, N, NW, NE, PW, PE, PN, PS}, {W, E, N, P}}}},
    {{{16,
       8,
       false,
       true,
       {{{0, 1}, {0, 2}, {3, 4}}, {{0, 3}, {1, 4}, {2, 5}}, {{2, 3}, {1, 3}, {6, 7}}},
       {N, NW, NE, NN, NNW, NNE, NWW, NEE, NNN, NWWW, NEEE, NNWW, NNEE, NNNW, NNNE, {0, -4, 0}},
       {N, NE, NW, NN, NEE, NWW, NNE, NNW}},
      {16,
       8,
       false,
       true,
       {{{1, 2}, {0, 3}, {0, 4}}, {{1, 3}, {2, 4}, {0, 5}}, {{1, 0}, {2, 0}, {3, 5}}},
       {N, W, E, NW, NE, NN, WWW, EEE, NWW, NEE, NNW, NNE, NNN, NWWW, NEEE, NNNE},
       {W, E, N, NE, NW, NN, WWW, EEE}}},
     {{16,
       8,
       true,
       true,
       {{{1, 2}, {0, 4}, {0, 5}}, {{0, 6}, {0, 7}, {1, 12}}, {{1, 6}, {2, 8}, {3, 9}}},
       {P, N, NW, NE, PW, PE, PN, PS, PNW, PNE, PSW, PSE, NN, Q, NEE, PEE},
       {N, NE, NW, P, PE, PW, PS, PN}},
      {16,
       10,
       true,
       true,
       {{{14, 15}, {0, 4}, {0, 5}}, {{14, 2}, {15, 3}, {0, 6}}, {{14, 4}, {15, 5}, {1, 6}}},
       {P, N, NW, NE, PW, PE, PN, PS, PNW, PNE, PSW, PSE, NN, Q, W, E},
       {W, E, N, NE, NW, P, PE, PW, PS, PN}}}},
    {{{24,
       10,
       false,
       true,
       {{{0, 1}, {0, 2}, {3, 4}}, {{0, 3}, {1, 4}, {2, 5}}, {{2, 3}, {1, 3}, {6, 7}}},
       {N,           NW,         NE,          NN,         NNW,         NNE,        NWW,         NEE,
        NNN,         NWWW,       NEEE,        NNWW,       NNEE,        NNNW,       NNNE,        {0, -4, 0},
        {0, -1, -4}, {0, -1, 4}, {0, -2, -3}, {0, -2, 3}, {0, -3, -2}, {0, -3, 2}, {0, -1, -5}, {0, -1, 5}},
       {N, NE, NW, NN, NEE, NWW, NNE, NNW, NEEE, NWWW}},
      {24,
       10,
       false,
       true,
       {{{1, 2}, {0, 3}, {0, 4}}, {{1, 3}, {2, 4}, {0, 5}}, {{1, 0}, {2, 0}, {3, 5}}},
       {N,   W,    E,    NW,   NE,   NN,   WWW,  EEE,         NWW,        NEE,        NNW,       NNE,
        NNN, NWWW, NEEE, NNNE, NNNW, NNWW, NNEE, {0, -1, -4}, {0, -1, 4}, {0, 0, -5}, {0, 0, 5}, {0, -4, 0}},
       {W, E, N, NE, NW, NN, WWW, EEE, NWW, NEE}}},
     {{24,
       12,
       true,
       true,
       {{{1, 2}, {0, 4}, {0, 5}}, {{0, 6}, {0, 7}, {1, 12}}, {{1, 6}, {2, 8}, {3, 9}}},
       {P, N, NW, NE, PW, PE, PN, PS, PNW, PNE, PSW, PSE, NN, Q, NEE, PEE, NWW, PWW, PSS, QN, QS, QW, QE, PNN},
       {N, NE, NW, P, PE, PW, PS, PN, NN, NEE, NWW, PSE}},
      {24,
       12,
       true,
       true,
       {{{14, 15}, {0, 4}, {0, 5}}, {{14, 2}, {15, 3}, {0, 6}}, {{14, 4}, {15, 5}, {1, 6}}},
       {P, N, NW, NE, PW, PE, PN, PS, PNW, PNE, PSW, PSE, NN, Q, W, E, WWW, EEE, PSS, QN, QS, QW, QE, PNN},
       {W, E, N, NE, NW, P, PE, PW, PS, PN, WWW, EEE}}}},
    /* swift: each pair of taps lies side by side in a half-row */
    {{{10, 0, false, false, {{{0}}}, {N, NEE, NW, NE, {0, -1, -4}, NWW, NNWW, NN, NNW, NNE}, {N}},
      {10, 0, false, false, {{{0}}}, {E, EEE, WWW, W, NWW, N, NW, NE, NN, NNEE}, {N}}},
     {{12, 0, true, false, {{{0}}}, {P, PEE, PW, PE, NWW, N, NW, NE, {1, -1, -2}, PN, PS, {1, 1, 2}}, {N}},
      {14, 0, true, false, {{{0}}}, {P, PEE, PW, PE, W, E, NWW, N, NW, NE, {1, -1, -2}, PN, PS, {1, 1, 2}}, {N}}}},
};

/* Components after the first have a second plane that resembles them: in the normal preset their neighbourhood has more
 * of Q. Its counts and pairs are those of the other planes with a reference, so that the same kernels serve it. */
static const struct voxel_layout voxel_layouts_later[2] = {
    {16,
     8,
     true,
     true,
     {{{1, 2}, {0, 4}, {0, 5}}, {{0, 6}, {0, 7}, {1, 12}}, {{1, 6}, {2, 8}, {3, 9}}},
     {P, N, NW, NE, PW, PE, PN, PS, PNW, PNE, QN, QS, NN, Q, QW, QE},
     {N, NE, NW, P, PE, PW, PS, Q}},
    {16,
     10,
     true,
     true,
     {{{14, 15}, {0, 4}, {0, 5}}, {{14, 2}, {15, 3}, {0, 6}}, {{14, 4}, {15, 5}, {1, 6}}},
     {P, N, NW, NE, PW, PE, PN, PS, QN, QS, QW, QE, NN, Q, W, E},
     {W, E, N, NE, NW, P, PE, PW, PS, Q}},
};

/* [enum voxel_plateau_kind][parity]: the candidates, then three pairs of neighbours. */
static const struct voxel_site voxel_plateau_sites[VOXEL_PLATEAU_KINDS][2][VOXEL_PLATEAU_SITES] = {
    {{N, NW, NE, N, NN, NW, NNW, NE, NNE}, {W, E, N, NW, W, NE, E, N, NN}},
    {{P, N, NE, PN, N, PW, NW, PE, NE}, {P, W, E, PW, W, PE, E, PN, N}},
    {{N, NW, NE, P, PN, PW, P, P, PE}, {W, E, N, P, PW, PE, P, PN, P}},
    {{Q, N, NE, P, PN, PW, P, QN, N}, {Q, W, E, P, PW, PE, P, QW, W}},
};

#undef N
#undef NN
#undef NNN
#undef NW
#undef NE
#undef NWW
#undef NEE
#undef NWWW
#undef NEEE
#undef NNW
#undef NNE
#undef NNWW
#undef NNEE
#undef NNNW
#undef NNNE
#undef W
#undef E
#undef WWW
#undef EEE
#undef P
#undef PW
#undef PE
#undef PWW
#undef PEE
#undef PN
#undef PS
#undef PNW
#undef PNE
#undef PSW
#undef PSE
#undef PNN
#undef PSS
#undef Q
#undef QN
#undef QS
#undef QW
#undef QE

/* The neighbourhood of planes of this kind, in chunks of one slice or with others before it. */
const struct voxel_layout *voxel_find_layout(int preset, uint32_t kind, bool has_slices, int parity);

#endif
