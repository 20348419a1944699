"""Cheapest trees: who joins a network, and along which edges. Exact with a proof, or good with a bound.

sets         V nodes with root r, E edges, A their two arcs (none enters r), T terminals, G groups of terminals
parameters   c_e cost, f_g cost of group g itself, p_g penalty when g stays out, w_g weight of g, d_g demand of g
variables    x_a = 1 if arc a is used, y_g = 1 if every terminal of group g is joined
minimise     Σ c x + Σ f y + Σ p (1 − y)                                   (penalty form: prize-collecting Steiner tree)
subject to   x(δ⁻(S)) ≥ y_g              S ⊂ V∖{r} with a terminal of g: directed cuts (Wong 1984), by row generation
             x(δ⁻(v)) ≤ 1                v ≠ r
             x_uv + x_vu ≤ x(δ⁻(u))      u ≠ r: nothing leaves what nothing enters
             x(δ⁻(v)) ≤ x(δ⁺(v))         v no terminal: no dead ends
             Σ w y ≥ quota               (quota form), or maximise Σ w y with Σ c x + Σ f y ≤ budget  (budget form)
             Σ_{g served by s} d_g ≤ capacity_s, way from the source to each terminal of g ≤ longest_g

The last two are written out, for the pockets of the graph where a tree breaks them, by
flow         f_a ≤ M x_a, Σ_in f − Σ_out f ≥ d_g y_g at the group, Σ_{entries of s} f ≤ capacity_s
distance     u_v ≥ u_w + length_wv − M (1 − x_wv), u_t ≤ longest_g for each terminal t when y_g = 1

Before: nodes of degree 1 and 2 and dominated edges are reduced; a dual ascent (Wong 1984) gives a bound and first rows;
shortest-path heuristics (Mehlhorn 1988), pruning and key-path exchange give a tree.
"""

from covplan.propose.solve.steiner.ascent import dual_ascent
from covplan.propose.solve.steiner.cheapest import cheapest_tree
from covplan.propose.solve.steiner.heuristics import tree_of
from covplan.propose.solve.steiner.limits import broken_limits, joinable_groups
from covplan.propose.solve.steiner.problem import Problem, Tree, prize_problem, steiner_problem
from covplan.propose.solve.steiner.reduction import reduced

__all__ = [
    "Problem",
    "Tree",
    "broken_limits",
    "cheapest_tree",
    "dual_ascent",
    "joinable_groups",
    "prize_problem",
    "reduced",
    "steiner_problem",
    "tree_of",
]
