"""Link budgets: from EIRP and path loss to RSRP, SINR, throughput, and the path loss a link can bear.

The bands of `resources/bands.csv` carry the defaults; EIRP is always that of the whole carrier. NaN means not computed
and stays NaN.

Not used by a command yet: `downlink_budget`, `uplink_budget`, `limiting_direction`, `rsrp_for`, `co_channel_sinr`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import ndtr, ndtri

from covplan.study.errors import OutsideValidity, SettingsError
from covplan.study.language import _
from covplan.study.links import BudgetLine
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

BOLTZMANN_J_K = 1.380649e-23
REFERENCE_K = 290.0  # IEEE and ITU-R reference temperature
SUBCARRIERS_PER_BLOCK = 12  # TS 36.211 §6.2.3, TS 38.211 §4.4.4.1

Direction = Literal["downlink", "uplink"]


@dataclass(frozen=True)
class Band:
    """One band as operators in Vietnam use it; columns of resources/bands.csv."""

    band: str
    technology: str
    standard_band: str
    duplex: str
    downlink_mhz: float
    uplink_mhz: float
    bandwidth_mhz: float
    subcarrier_khz: float
    resource_blocks: int
    downlink_share: float
    """Of the time the carrier sends downlink: 1 with paired spectrum."""
    tx_power_dbm: float
    """Whole carrier, all transmitters of a sector."""
    antenna_gain_dbi: float
    feeder_loss_db: float
    antenna: str
    layers: int
    """Streams a terminal can receive at once."""
    ue_power_dbm: float
    ue_noise_figure_db: float
    bs_noise_figure_db: float
    source: str
    confidence: str

    @property
    def subcarriers(self) -> int:
        """Subcarriers of the carrier, those that share its power."""
        return SUBCARRIERS_PER_BLOCK * self.resource_blocks

    @property
    def occupied_mhz(self) -> float:
        """Bandwidth of all resource blocks: what can carry data."""
        return self.subcarriers * self.subcarrier_khz / 1000

    @property
    def block_mhz(self) -> float:
        """Bandwidth of one resource block."""
        return SUBCARRIERS_PER_BLOCK * self.subcarrier_khz / 1000

    @property
    def eirp_dbm(self) -> float:
        """EIRP of the whole carrier in the main beam, when the cell does not state its own."""
        return self.tx_power_dbm - self.feeder_loss_db + self.antenna_gain_dbi

    @property
    def noise_dbm(self) -> float:
        """A terminal's noise in one resource element."""
        return noise(self.subcarrier_khz / 1000, self.ue_noise_figure_db)


@dataclass(frozen=True)
class ThroughputMapping:
    """Attenuated and truncated Shannon bound (TR 36.942 A.2); rows of resources/throughput.csv."""

    alpha: float
    """Implementation loss."""
    sinr_min_db: float
    """Below it nothing is received."""
    most_bps_hz: float
    """Reached by the highest modulation and coding."""


def band(code: str) -> Band:
    """The band of a code used in cells.csv; only 4G and 5G have an RSRP."""
    bands = band_table()
    if code not in bands:
        raise SettingsError(
            _("band {code!r} has no link budget (known: {known}). See resources/bands.csv.").format(
                code=code, known=", ".join(bands)
            )
        )
    return bands[code]


@cache
def band_table() -> dict[str, Band]:
    """Bands of resources/bands.csv by code."""
    rows = csv.DictReader(resource_text("bands.csv").splitlines())
    return {row["band"]: _band(row) for row in rows}


@cache
def throughput_mapping(technology: str, direction: Direction = "downlink") -> ThroughputMapping:
    """How SINR becomes throughput, for 4G or 5G."""
    for row in csv.DictReader(resource_text("throughput.csv").splitlines()):
        if (row["technology"], row["direction"]) == (technology, direction):
            return ThroughputMapping(float(row["alpha"]), float(row["sinr_min_db"]), float(row["most_bps_hz"]))
    raise SettingsError(
        _("no throughput mapping for {technology} {direction}. See resources/throughput.csv.").format(
            technology=technology, direction=direction
        )
    )


def rsrp(path_loss_db: ArrayLike, eirp_dbm: ArrayLike, subcarriers: int) -> NDArray[np.float64]:
    """Reference-signal received power (3GPP TS 36.214 §5.1.1, SS-RSRP of TS 38.215 §5.1.1).

    Parameters
    ----------
    path_loss_db : array_like, shape (...)
        Basic transmission loss, dB.
    eirp_dbm : array_like, shape (...)
        EIRP of the whole carrier towards the receivers, dBm.
    subcarriers : int
        12 × resource blocks; LTE 20 MHz: 1200.

    Returns
    -------
    ndarray, shape (...), dBm
        NaN where the loss is NaN: not computed is not "no signal".
    """
    sent_dbm = np.asarray(eirp_dbm, float) - 10 * np.log10(subcarriers)
    received_dbm: NDArray[np.float64] = sent_dbm - np.asarray(path_loss_db, float)
    return received_dbm


def noise(bandwidth_mhz: float, noise_figure_db: float) -> float:
    """Thermal noise at 290 K behind a receiver's noise figure, dBm."""
    return float(10 * np.log10(BOLTZMANN_J_K * REFERENCE_K * bandwidth_mhz * 1e6) + 30 + noise_figure_db)


def sinr(serving_dbm: ArrayLike, total_mw: ArrayLike, *, noise_dbm: float, load: float = 0.5) -> NDArray[np.float64]:
    """Signal to interference and noise per resource element, dB.

    Parameters
    ----------
    serving_dbm : array_like, shape (...)
        RSRP of the best server, dBm.
    total_mw : array_like, shape (...)
        Sum of the RSRP of all cells on this carrier, the server's among them, milliwatts (float64).
    noise_dbm : float
        Receiver noise in one resource element, dBm.
    load : float
        Share of its resource elements a neighbour fills, 0…1.
    """
    if not 0 <= load <= 1:
        raise OutsideValidity(_("sinr: load = {load:g} is outside 0 to 1.").format(load=load))
    serving_mw = _milliwatts(serving_dbm)
    # Rounding may leave less in the sum than the server alone has.
    others_mw = np.maximum(np.asarray(total_mw, float) - serving_mw, 0.0)
    return _decibels(serving_mw / (load * others_mw + _milliwatts(noise_dbm)))


def co_channel_sinr(rsrp_dbm: ArrayLike, *, noise_dbm: float, load: float = 0.5) -> NDArray[np.float64]:
    """SINR at the strongest of the cells along the first axis, the others interfering; NaN cells do not reach.

    Returns an array of the shape behind the first axis; NaN where no cell was computed.
    """
    cells_dbm = np.asarray(rsrp_dbm, float)
    cells_mw = np.where(np.isnan(cells_dbm), 0.0, _milliwatts(cells_dbm))
    serving_mw = cells_mw.max(axis=0)
    serving_dbm = np.where(serving_mw > 0, _decibels(np.where(serving_mw > 0, serving_mw, 1.0)), np.nan)
    return sinr(serving_dbm, cells_mw.sum(axis=0), noise_dbm=noise_dbm, load=load)


def spectral_efficiency(sinr_db: ArrayLike, mapping: ThroughputMapping, *, layers: int = 1) -> NDArray[np.float64]:
    """Bits per second and hertz at a SINR (TR 36.942 A.2).

    With several layers the number of streams that carries most is used, each with its share of the power. That is what
    a channel with equal and independent streams would give: an upper bound in open country.
    """
    sinr_linear = _milliwatts(sinr_db)
    streams = np.arange(1, layers + 1).reshape(-1, *([1] * sinr_linear.ndim))
    each = sinr_linear / streams
    bits = np.minimum(mapping.alpha * np.log2(1 + each), mapping.most_bps_hz)
    # The limit itself is inside, whatever the rounding of the two conversions.
    received = np.where(_decibels(np.maximum(each, 1e-30)) < mapping.sinr_min_db - 1e-9, 0.0, bits)
    return np.where(np.isnan(sinr_linear), np.nan, (streams * received).max(axis=0))


def throughput(
    sinr_db: ArrayLike, carrier: Band, *, direction: Direction = "downlink", layers: int = 1, share: float = 1.0
) -> NDArray[np.float64]:
    """Throughput of one terminal that gets a share of the carrier's resource blocks, Mbit/s."""
    in_time = carrier.downlink_share if direction == "downlink" else _uplink_time(carrier)
    mapping = throughput_mapping(carrier.technology, direction)
    return carrier.occupied_mhz * share * in_time * spectral_efficiency(sinr_db, mapping, layers=layers)


def sinr_for(efficiency_bps_hz: float, mapping: ThroughputMapping) -> float:
    """Smallest SINR at which one stream reaches an efficiency, dB."""
    if efficiency_bps_hz > mapping.most_bps_hz:
        raise OutsideValidity(
            _(
                "{efficiency_bps_hz:.3g} bit/s/Hz is beyond the most one stream carries, {most:g}. Ask for "
                "less, or give the terminal a larger share of the carrier."
            ).format(efficiency_bps_hz=efficiency_bps_hz, most=mapping.most_bps_hz)
        )
    return max(float(_decibels(2 ** (efficiency_bps_hz / mapping.alpha) - 1)), mapping.sinr_min_db)


def rsrp_for(
    throughput_mbps: float, carrier: Band, *, share: float = 1.0, interference_margin_db: float = 0.0
) -> float:
    """Smallest RSRP at which one stream on a share of the carrier reaches a downlink throughput, dBm."""
    efficiency = throughput_mbps / (carrier.occupied_mhz * share * carrier.downlink_share)
    required_db = sinr_for(efficiency, throughput_mapping(carrier.technology))
    return carrier.noise_dbm + interference_margin_db + required_db


def coverage_probability(rsrp_dbm: ArrayLike, threshold_dbm: ArrayLike, sigma_db: ArrayLike) -> NDArray[np.float64]:
    """Probability that the RSRP of one server meets the threshold, 0…1; of several servers: `servers`.

    `rsrp_dbm` is the median, `sigma_db` the standard deviation of the model's prediction error (normal in decibels;
    P.1812's own location variability, of the places within a pixel, is a small part of it). Without error it is 1 at or
    above the threshold and 0 below.
    """
    excess_db, sigma = np.broadcast_arrays(
        np.asarray(rsrp_dbm, float) - np.asarray(threshold_dbm, float), np.asarray(sigma_db, float)
    )
    _refuse_negative(sigma)
    certain = np.where(np.isnan(excess_db), np.nan, excess_db >= 0)
    spread = np.where(sigma > 0, sigma, 1.0)
    return np.where(sigma > 0, ndtr(excess_db / spread), certain)


def shadow_margin(confidence: ArrayLike, sigma_db: ArrayLike) -> NDArray[np.float64]:
    """Decibels the median must exceed the threshold by, so that it is met with this probability."""
    share, sigma = np.broadcast_arrays(np.asarray(confidence, float), np.asarray(sigma_db, float))
    _refuse_negative(sigma)
    if ((share <= 0) | (share >= 1)).any():
        raise OutsideValidity(_("shadow_margin: confidence must lie between 0 and 1, both excluded; 0.95 is usual."))
    margin_db: NDArray[np.float64] = sigma * ndtri(share)
    return margin_db


def uplink_sensitivity(
    carrier: Band, throughput_mbps: float, *, interference_margin_db: float = 0.0
) -> tuple[float, float, float]:
    """Smallest power the base station must receive for an uplink throughput: the terminal spreads as suits it best.

    Fewer resource blocks let in less noise but need a higher SINR; every number of blocks is tried.

    Returns
    -------
    sensitivity_dbm, noise_dbm, sinr_db : float
        The best total, and the noise and the SINR it consists of.
    """
    mapping = throughput_mapping(carrier.technology, "uplink")
    found = []
    for blocks in range(1, carrier.resource_blocks + 1):
        bandwidth_mhz = blocks * carrier.block_mhz
        efficiency = throughput_mbps / (bandwidth_mhz * _uplink_time(carrier))
        if efficiency <= mapping.most_bps_hz:
            noise_dbm, sinr_db = noise(bandwidth_mhz, carrier.bs_noise_figure_db), sinr_for(efficiency, mapping)
            found.append((noise_dbm + sinr_db + interference_margin_db, noise_dbm, sinr_db))
    if not found:
        most = mapping.most_bps_hz * carrier.occupied_mhz * _uplink_time(carrier)
        raise OutsideValidity(
            _("{band} carries at most {most:.3g} Mbit/s uplink; {throughput_mbps:g} were asked.").format(
                band=carrier.band, most=most, throughput_mbps=throughput_mbps
            )
        )
    return min(found)


def uplink_rsrp(
    carrier: Band,
    eirp_dbm: ArrayLike,
    gain_dbi: ArrayLike,
    throughput_mbps: float,
    *,
    interference_margin_db: float = 0.0,
) -> NDArray[np.float64]:
    """RSRP at which a terminal just reaches an uplink throughput, dBm: the path and the pattern are the same both ways.

    What the uplink bears is terminal power + gain − feeder loss − sensitivity; the RSRP behind that much loss is EIRP
    per subcarrier less it. The uplink's carrier lies up to 10 % below the downlink's with paired spectrum, where a path
    loses some tenths of a decibel less: left out. Body and buildings take the same from both.

    Parameters
    ----------
    eirp_dbm, gain_dbi : array_like, shape (cells,)
        EIRP of the whole carrier; gain of the antenna.

    Returns
    -------
    ndarray, shape (cells,), dBm
        −∞ when no throughput is asked, +∞ when the carrier cannot carry it.
    """
    eirp = np.asarray(eirp_dbm, float)
    if throughput_mbps == 0:
        return np.full(eirp.shape, -np.inf)
    try:
        sensitivity_dbm = uplink_sensitivity(carrier, throughput_mbps, interference_margin_db=interference_margin_db)[0]
    except OutsideValidity:
        return np.full(eirp.shape, np.inf)
    bears_db = carrier.ue_power_dbm + np.asarray(gain_dbi, float) - carrier.feeder_loss_db - sensitivity_dbm
    asked_dbm: NDArray[np.float64] = eirp - 10 * np.log10(carrier.subcarriers) - bears_db
    return asked_dbm


def downlink_budget(
    carrier: Band,
    *,
    rsrp_threshold_dbm: float,
    confidence: float = 0.95,
    sigma_db: float = 8.0,
    indoor_loss_db: float = 0.0,
    body_loss_db: float = 0.0,
    eirp_dbm: float | None = None,
) -> tuple[BudgetLine, ...]:
    """Largest median path loss at which the RSRP threshold is met with this confidence, line by line."""
    lines = []
    if eirp_dbm is None:
        eirp_dbm = carrier.eirp_dbm
        lines = [
            BudgetLine("tx_power", carrier.tx_power_dbm, "dBm"),
            BudgetLine("feeder_loss", 0.0 - carrier.feeder_loss_db, "dB"),
            BudgetLine("antenna_gain", carrier.antenna_gain_dbi, "dB"),
        ]
    per_subcarrier_db = -10 * float(np.log10(carrier.subcarriers))
    losses = [
        BudgetLine("shadow_margin", 0.0 - float(shadow_margin(confidence, sigma_db)), "dB"),
        BudgetLine("indoor_loss", 0.0 - indoor_loss_db, "dB"),
        BudgetLine("body_loss", 0.0 - body_loss_db, "dB"),
    ]
    allowed_db = eirp_dbm + per_subcarrier_db - rsrp_threshold_dbm + sum(line.value for line in losses)
    return (
        *lines,
        BudgetLine("eirp", eirp_dbm, "dBm"),
        BudgetLine("per_subcarrier", per_subcarrier_db, "dB"),
        BudgetLine("eirp_per_subcarrier", eirp_dbm + per_subcarrier_db, "dBm"),
        BudgetLine("threshold", rsrp_threshold_dbm, "dBm"),
        *losses,
        BudgetLine("mapl_downlink", allowed_db, "dB"),
    )


def uplink_budget(
    carrier: Band,
    *,
    throughput_mbps: float,
    confidence: float = 0.95,
    sigma_db: float = 8.0,
    indoor_loss_db: float = 0.0,
    body_loss_db: float = 0.0,
    interference_margin_db: float = 0.0,
) -> tuple[BudgetLine, ...]:
    """Largest median path loss at which a terminal still sends this throughput, line by line."""
    sensitivity_dbm, noise_dbm, sinr_db = uplink_sensitivity(
        carrier, throughput_mbps, interference_margin_db=interference_margin_db
    )
    gains = [
        BudgetLine("antenna_gain", carrier.antenna_gain_dbi, "dB"),
        BudgetLine("feeder_loss", 0.0 - carrier.feeder_loss_db, "dB"),
        BudgetLine("shadow_margin", 0.0 - float(shadow_margin(confidence, sigma_db)), "dB"),
        BudgetLine("indoor_loss", 0.0 - indoor_loss_db, "dB"),
        BudgetLine("body_loss", 0.0 - body_loss_db, "dB"),
    ]
    return (
        BudgetLine("ue_power", carrier.ue_power_dbm, "dBm"),
        *gains,
        BudgetLine("noise", noise_dbm, "dBm"),
        BudgetLine("required_sinr", sinr_db, "dB"),
        BudgetLine("interference_margin", interference_margin_db, "dB"),
        BudgetLine("sensitivity", sensitivity_dbm, "dBm"),
        BudgetLine("mapl_uplink", carrier.ue_power_dbm + sum(line.value for line in gains) - sensitivity_dbm, "dB"),
    )


def limiting_direction(downlink: tuple[BudgetLine, ...], uplink: tuple[BudgetLine, ...]) -> tuple[Direction, float]:
    """Which direction bears less path loss, and how much that is (dB)."""
    down_db, up_db = downlink[-1].value, uplink[-1].value
    return ("downlink", down_db) if down_db <= up_db else ("uplink", up_db)


def link_lines(
    *,
    eirp_dbm: float,
    pattern_loss_db: float,
    path_loss_db: float,
    subcarriers: int,
    threshold_dbm: float,
    sigma_db: float,
    confidence: float,
    indoor_loss_db: float = 0.0,
    body_loss_db: float = 0.0,
    calibration_db: float | None = None,
) -> tuple[BudgetLine, ...]:
    """The downlink budget of one real link, line by line: what arrives, and how far from the threshold it is.

    `calibration_db` is the offset at the receiver (`offsets`); None when the study is not calibrated.
    """
    received_dbm = float(rsrp(path_loss_db, eirp_dbm - pattern_loss_db, subcarriers)) + (calibration_db or 0.0)
    calibrated = () if calibration_db is None else (BudgetLine("calibration", calibration_db, "dB"),)
    inside_dbm = received_dbm - indoor_loss_db - body_loss_db
    shadow_db = float(shadow_margin(confidence, sigma_db))
    return (
        BudgetLine("eirp", eirp_dbm, "dBm"),
        BudgetLine("pattern_loss", 0.0 - pattern_loss_db, "dB"),
        BudgetLine("per_subcarrier", -10 * float(np.log10(subcarriers)), "dB"),
        BudgetLine("path_loss", -path_loss_db, "dB"),
        *calibrated,
        BudgetLine("rsrp", received_dbm, "dBm"),
        BudgetLine("indoor_loss", 0.0 - indoor_loss_db, "dB"),
        BudgetLine("body_loss", 0.0 - body_loss_db, "dB"),
        BudgetLine("threshold", threshold_dbm, "dBm"),
        BudgetLine("shadow_margin", 0.0 - shadow_db, "dB"),
        BudgetLine("margin", inside_dbm - threshold_dbm - shadow_db, "dB"),
        BudgetLine("probability", float(coverage_probability(inside_dbm, threshold_dbm, sigma_db)), "share"),
    )


def uplink_lines(
    carrier: Band,
    *,
    throughput_mbps: float,
    interference_margin_db: float,
    gain_dbi: float,
    pattern_loss_db: float,
    path_loss_db: float,
    sigma_db: float,
    confidence: float,
    indoor_loss_db: float = 0.0,
    body_loss_db: float = 0.0,
    calibration_db: float | None = None,
) -> tuple[BudgetLine, ...]:
    """The uplink budget of the same link: what the station receives, and how far from its sensitivity it is."""
    sensitivity_dbm, noise_dbm, sinr_db = uplink_sensitivity(
        carrier, throughput_mbps, interference_margin_db=interference_margin_db
    )
    shadow_db = float(shadow_margin(confidence, sigma_db))
    calibrated = () if calibration_db is None else (BudgetLine("calibration", calibration_db, "dB"),)
    sent = (
        BudgetLine("ue_power", carrier.ue_power_dbm, "dBm"),
        BudgetLine("body_loss", 0.0 - body_loss_db, "dB"),
        BudgetLine("indoor_loss", 0.0 - indoor_loss_db, "dB"),
        BudgetLine("path_loss", -path_loss_db, "dB"),
        *calibrated,
        BudgetLine("pattern_loss", 0.0 - pattern_loss_db, "dB"),
        BudgetLine("antenna_gain", gain_dbi, "dB"),
        BudgetLine("feeder_loss", 0.0 - carrier.feeder_loss_db, "dB"),
    )
    received_dbm = sum(line.value for line in sent)
    return (
        *sent,
        BudgetLine("received_uplink", received_dbm, "dBm"),
        BudgetLine("noise", noise_dbm, "dBm"),
        BudgetLine("required_sinr", sinr_db, "dB"),
        BudgetLine("interference_margin", interference_margin_db, "dB"),
        BudgetLine("sensitivity", sensitivity_dbm, "dBm"),
        BudgetLine("shadow_margin", 0.0 - shadow_db, "dB"),
        BudgetLine("margin", received_dbm - sensitivity_dbm - shadow_db, "dB"),
        BudgetLine("probability", float(coverage_probability(received_dbm, sensitivity_dbm, sigma_db)), "share"),
    )


def _band(row: dict[str, str]) -> Band:
    texts = {"band", "technology", "standard_band", "duplex", "antenna", "source", "confidence"}
    counts = {"resource_blocks", "layers"}
    values = {key: text if key in texts else int(text) if key in counts else float(text) for key, text in row.items()}
    return Band(**values)  # type: ignore[arg-type]


def _uplink_time(carrier: Band) -> float:
    """Share of the time left for the uplink."""
    return 1.0 if carrier.duplex == "FDD" else 1.0 - carrier.downlink_share


def _refuse_negative(sigma_db: NDArray[np.float64]) -> None:
    if (sigma_db < 0).any():
        raise OutsideValidity(
            _("sigma_db = {sigma_db:g} is negative; a standard deviation is 0 or more.").format(sigma_db=sigma_db.min())
        )


def _milliwatts(dbm: ArrayLike) -> NDArray[np.float64]:
    return 10 ** (np.asarray(dbm, float) / 10)


def _decibels(ratio: ArrayLike) -> NDArray[np.float64]:
    decibels: NDArray[np.float64] = 10 * np.log10(np.asarray(ratio, float))
    return decibels
