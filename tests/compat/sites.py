"""Section 5 of docs/voxel-format.md: the neighbours from which the presets predict a sample."""

from __future__ import annotations

Site = tuple[int, int, int]  # (source, dy, dx)

SITES = {  # (preset, 0 alone or 1 reference or 2 later, parity) -> taps, error sites
    (0, 0, 0): ("N NW NE NN NWW NEE NNW NNE", "N NE NW NWW NEE"),
    (0, 0, 1): ("N W E NW NE NN WWW EEE NWW NEE", "W E N NW NE"),
    (0, 1, 0): ("P N NW NE PW PE PN PS", "N NE NW P PE PW"),
    (0, 1, 1): ("P W E N NW NE PW PE PN PS", "W E N P"),
    (3, 0, 0): ("N NEE NW NE NWWWW NWW NNWW NN NNW NNE", ""),
    (3, 0, 1): ("E EEE WWW W NWW N NW NE NN NNEE", ""),
    (3, 1, 0): ("P PEE PW PE NWW N NW NE PNWW PN PS PSEE", ""),
    (3, 1, 1): ("P PEE PW PE W E NWW N NW NE PNWW PN PS PSEE", ""),
    (1, 0, 0): ("N NW NE NN NNW NNE NWW NEE NNN NWWW NEEE NNWW NNEE NNNW NNNE NNNN", "N NE NW NN NEE NWW NNE NNW"),
    (1, 0, 1): ("N W E NW NE NN WWW EEE NWW NEE NNW NNE NNN NWWW NEEE NNNE", "W E N NE NW NN WWW EEE"),
    (1, 1, 0): ("P N NW NE PW PE PN PS PNW PNE PSW PSE NN Q NEE PEE", "N NE NW P PE PW PS PN"),
    (1, 1, 1): ("P N NW NE PW PE PN PS PNW PNE PSW PSE NN Q W E", "W E N NE NW P PE PW PS PN"),
    (1, 2, 0): ("P N NW NE PW PE PN PS PNW PNE QN QS NN Q QW QE", "N NE NW P PE PW PS Q"),
    (1, 2, 1): ("P N NW NE PW PE PN PS QN QS QW QE NN Q W E", "W E N NE NW P PE PW PS Q"),
    (2, 0, 0): (
        "N NW NE NN NNW NNE NWW NEE NNN NWWW NEEE NNWW NNEE NNNW NNNE NNNN NWWWW NEEEE NNWWW NNEEE NNNWW NNNEE "
        "NWWWWW NEEEEE",
        "N NE NW NN NEE NWW NNE NNW NEEE NWWW",
    ),
    (2, 0, 1): (
        "N W E NW NE NN WWW EEE NWW NEE NNW NNE NNN NWWW NEEE NNNE NNNW NNWW NNEE NWWWW NEEEE WWWWW EEEEE NNNN",
        "W E N NE NW NN WWW EEE NWW NEE",
    ),
    (2, 1, 0): (
        "P N NW NE PW PE PN PS PNW PNE PSW PSE NN Q NEE PEE NWW PWW PSS QN QS QW QE PNN",
        "N NE NW P PE PW PS PN NN NEE NWW PSE",
    ),
    (2, 1, 1): (
        "P N NW NE PW PE PN PS PNW PNE PSW PSE NN Q W E WWW EEE PSS QN QS QW QE PNN",
        "W E N NE NW P PE PW PS PN WWW EEE",
    ),
}


def site(name: str) -> Site:
    source = "PQ".find(name[0]) + 1
    return source, name.count("S") - name.count("N"), name.count("E") - name.count("W")


def sites(preset: int, where: int, parity: int) -> list[list[Site]]:
    if where == 2 and preset != 1:
        where = 1
    return [[site(name) for name in text.split()] for text in SITES[preset, where, parity]]
