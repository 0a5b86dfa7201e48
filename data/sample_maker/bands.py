"""Bands that the sample's moments must lie in, beside the value measured on the real data
(benchmarks/sample_bands.py prints both).

A band is as wide as chance in so small a country asks for: with about 370 secondaries in 36 authorities,
twelve seeds gave a context R2 of secondaries between .44 and .60 and an intraclass correlation of their
absence between .01 and .14. By construction only national rates are matched. Spreads, correlations,
shrinkage, clustering and context R2 follow from the recipe in absence.py and are measured here the way
anybody would measure them on the published files, with one simple model, which explains a little less than
the workbook's own.
"""

from __future__ import annotations

# Moment: lowest, highest, value on the real data.
BANDS: dict[str, tuple[float, float, float]] = {
    "mean_absence_primary": (5.75, 5.95, 5.853),
    "sd_absence_primary": (1.40, 1.70, 1.548),
    "r2_context_absence_primary": (0.36, 0.50, 0.418),
    "icc_la_primary": (0.03, 0.12, 0.075),
    "icc_la_residual_primary": (0.03, 0.11, 0.068),
    "residual_sd_small_to_large_primary": (1.25, 2.10, 1.712),
    "mean_persistent_primary": (15.2, 16.4, 15.719),
    "sd_persistent_primary": (6.8, 9.2, 7.765),
    "r2_context_persistent_primary": (0.38, 0.54, 0.470),
    "r_absence_persistent_primary": (0.91, 0.95, 0.932),
    "r_absence_fsm6_primary": (0.53, 0.67, 0.583),
    "sd_absence_2019_primary": (0.92, 1.12, 1.040),
    "r_2019_2023_primary": (0.58, 0.74, 0.666),
    "mean_absence_secondary": (8.85, 9.35, 9.109),
    "sd_absence_secondary": (2.30, 2.95, 2.626),
    "r2_context_absence_secondary": (0.44, 0.62, 0.511),
    "icc_la_secondary": (0.00, 0.17, 0.088),
    "icc_la_residual_secondary": (0.03, 0.20, 0.116),
    "residual_sd_small_to_large_secondary": (1.05, 1.80, 1.366),
    "mean_persistent_secondary": (25.9, 27.6, 26.770),
    "sd_persistent_secondary": (8.2, 10.2, 9.114),
    "r2_context_persistent_secondary": (0.42, 0.60, 0.504),
    "r_absence_persistent_secondary": (0.93, 0.97, 0.951),
    "r_absence_fsm6_secondary": (0.44, 0.64, 0.522),
    "sd_absence_2019_secondary": (1.18, 1.58, 1.376),
    "r_2019_2023_secondary": (0.64, 0.78, 0.698),
    "r_secondary": (0.83, 0.91, 0.870),
    "lambda_secondary": (0.70, 0.88, 0.768),
    "r2_context_201718": (0.26, 0.48, 0.388),
    "sd_change_pp": (0.58, 0.76, 0.671),
    "sd_change_pp_small": (0.68, 1.00, 0.826),
    "sd_change_pp_large": (0.42, 0.62, 0.505),
    "r_two_years_secondary": (0.69, 0.83, 0.747),
    "r_of_successive_changes": (-0.22, 0.05, -0.069),
    "log_sigma_on_log_roll_secondary": (-0.42, -0.10, -0.249),
    "log_sigma_four_years_on_log_roll_primary": (-0.42, -0.15, -0.292),
    "log_sigma_four_years_on_log_roll_secondary": (-0.40, -0.08, -0.211),
    "la_sd_primary_2019": (0.20, 0.38, 0.292),
    "region_sd_primary_2019": (0.04, 0.26, 0.086),
    "la_sd_primary_2023": (0.38, 0.64, 0.496),
    "region_sd_primary_2023": (0.08, 0.42, 0.176),
    "la_r_primary_2023_2024": (0.70, 0.95, 0.806),
    "la_sd_secondary_2019": (0.42, 0.74, 0.568),
    "region_sd_secondary_2019": (0.16, 0.46, 0.300),
    "la_sd_secondary_2023": (0.80, 1.35, 1.057),
    "region_sd_secondary_2023": (0.35, 0.90, 0.608),
    "la_r_secondary_2023_2024": (0.88, 0.98, 0.952),
}

# Furthest that a national rate the sample was not built from may lie from the published one, in percentage
# points. 2020/21, the year of
# Covid absence outside the rates, is left out. No rate of all schools together is built from: it depends on
# the mix of schools.
HELD_OUT: dict[tuple[str, str], float] = {
    ("absence_pct", "all"): 0.10,
    ("persistent_pct", "all"): 0.80,
    ("persistent_pct", "primary"): 0.50,
    ("persistent_pct", "secondary"): 1.50,
    ("persistent_pct", "special"): 2.60,
    ("severe_pct", "all"): 0.25,
    ("severe_pct", "primary"): 0.15,
    ("severe_pct", "secondary"): 0.35,
    ("severe_pct", "special"): 1.10,
}
HELD_OUT_YEARS = ("2016", "2017", "2018", "2019", "2022", "2023", "2024", "2025")
