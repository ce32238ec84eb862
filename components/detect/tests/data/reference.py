"""Writes reference.json: what the classic rules say of awkward series, by NumPy.

    python3 -m pip install numpy && python3 components/detect/tests/data/reference.py

The rules are written out naively, from their definition: each value against the mean and the population standard
deviation of a slice of the history. NumPy counts in its extended precision, so that its own rounding (visible on
1e9 + noise) is no part of the comparison. Infinite and missing values are written as strings and null.
"""

import json
from pathlib import Path

import numpy as np

ZSCORE = {"samples": 1000, "min_samples": 10, "exclude_anomalies": True, "threshold": 3.0, "min_std": 0.0}
SPIKE = {"samples": 100, "min_samples": 5, "exclude_anomalies": False, "factor": 5.0, "min_value": 0.1}


def zscore(value, mean, std, threshold, min_std):
    std = max(std, min_std)
    if std == 0:
        return None, False
    score = abs(value - mean) / std
    return score, score > threshold


def spike(value, mean, std, factor, min_value):
    return value / mean if mean > 0 else None, value > factor * mean and value > min_value


def run(name, rule, values, **changed):
    defaults, judge = (ZSCORE, zscore) if rule == "zscore" else (SPIKE, spike)
    settings = defaults | changed
    figures = {key: settings[key] for key in settings if key not in ("samples", "min_samples", "exclude_anomalies")}
    history, verdicts = [], []
    for value in values:
        if value is None or not np.isfinite(value):
            verdicts.append(None)
            continue
        base = np.array(history[-settings["samples"]:], dtype=np.longdouble)
        anomaly = False
        if len(base) < settings["min_samples"]:
            verdicts.append(None)
        else:
            mean, std = np.mean(base), np.std(base)
            score, anomaly = judge(np.longdouble(value), mean, std, **figures)
            verdicts.append([float(mean), float(std), score if score is None else float(score), bool(anomaly)])
        if not (anomaly and settings["exclude_anomalies"]):
            history.append(value)
    text = [value if value is None or np.isfinite(value) else str(value) for value in values]
    return {"name": name, "rule": rule, "settings": settings, "values": text, "verdicts": verdicts}


def main():
    random = np.random.default_rng(1)
    noise = lambda n, mean, std: list(map(float, np.round(random.normal(mean, std, n), 6)))
    gaps = noise(80, 295, 38)
    for place, gap in [(3, None), (20, float("nan")), (21, float("inf")), (40, float("-inf")), (60, None)]:
        gaps[place] = gap
    gaps[50] = 9000.0
    glitch = noise(5, 295, 38) + [1e12] + noise(120, 295, 38)
    cases = [
        # More values than the baseline holds, with outliers on both sides.
        run("whole milliseconds", "zscore", [float(v) for v in random.integers(10, 500, 1150)] + [3000.0, -900.0, 200.0]),
        run("latency with bursts", "zscore", noise(60, 295, 38) + noise(5, 1180, 90) + noise(60, 295, 38), samples=50),
        run("1e9 and little noise", "zscore", noise(150, 1e9, 1.0) + [1e9 + 7.5], samples=60),
        run("1e9 and hardly any noise", "zscore", noise(150, 1e9, 1e-3), samples=60),
        run("a huge value in the baseline", "zscore", glitch, samples=50),
        run("a drift over many magnitudes", "zscore", [float(1.07**i) for i in range(400)], samples=40, threshold=5.0),
        run("no spread, then a jump", "zscore", [200.0] * 20 + [900.0] + [200.0] * 5, samples=50),
        run("no spread, lifted", "zscore", [200.0] * 20 + [900.0] + [200.0] * 5, samples=50, min_std=10.0),
        run("locked in after a shift", "zscore", noise(60, 295, 38) + noise(90, 600, 38), samples=50),
        run("anomalies let in", "zscore", noise(60, 295, 38) + noise(90, 600, 38), samples=50, exclude_anomalies=False),
        run("gaps", "zscore", gaps, samples=30),
        run("errors of 11 %", "spike", noise(130, 0.11, 0.02) + noise(10, 0.61, 0.02) + noise(10, 0.11, 0.02)),
        run("blind at a base of 25 %", "spike", noise(40, 0.25, 0.02) + [0.6, 0.9, 1.0]),
        run("blind below 10 %", "spike", [0.005] * 40 + [0.09, 0.1, 0.11]),
        run("from nothing", "spike", [0.0] * 20 + [0.1, 0.2, 0.0, 0.4]),
        run("spikes kept out", "spike", noise(20, 0.05, 0.01) + noise(30, 0.5, 0.02), exclude_anomalies=True),
    ]
    path = Path(__file__).with_name("reference.json")
    lines = ",\n".join(json.dumps(case, allow_nan=False) for case in cases)
    path.write_text(f'{{"numpy": "{np.__version__}", "cases": [\n{lines}\n]}}\n')


main()
