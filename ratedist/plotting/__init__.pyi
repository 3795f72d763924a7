# Every public name of ``ratedist.plotting``, once: read by type checkers and by ``lazy_loader``.
from .compare import draw_compare as draw_compare
from .description_length import draw_description_length as draw_description_length
from .diameter import draw_diameter as draw_diameter
from .figure2 import draw_figure2 as draw_figure2
from .low_rank import draw_low_rank as draw_low_rank
from .network_ranks import draw_network_ranks as draw_network_ranks
from .networks import Curve as Curve
from .networks import draw_against_ratio as draw_against_ratio
from .networks import draw_penalty_sweep as draw_penalty_sweep
from .networks import draw_reliability as draw_reliability
from .networks import hessian_weighted_curves as hessian_weighted_curves
from .phase_diagram import draw_phase_diagram as draw_phase_diagram
from .rate_distortion import draw_rate_distortion as draw_rate_distortion
from .seeing_the_data import draw_seeing_the_data as draw_seeing_the_data
from .style import house_style as house_style
from .two_clusters import draw_two_clusters as draw_two_clusters
