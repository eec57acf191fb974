"""Circles in a graph of files: those from which a way leads back to themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def reachable(graph: Mapping[str, Iterable[str]], start: str) -> set[str]:
    """What can be reached from a node by at least one step."""
    found: set[str] = set()
    open_nodes = [start]
    while open_nodes:
        for node in graph.get(open_nodes.pop(), ()):
            if node not in found:
                found.add(node)
                open_nodes.append(node)
    return found


def circles(graph: Mapping[str, Iterable[str]]) -> set[frozenset[str]]:
    """The largest sets of nodes that all reach one another."""
    reach = {node: reachable(graph, node) for node in graph}
    return {
        frozenset(other for other in reach[node] if node in reach.get(other, ()))
        for node in graph
        if node in reach[node]
    }
