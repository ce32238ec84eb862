"""Writes methods.json: what the methods of `zscore` and `spike` say of awkward series, by NumPy and SciPy.

    python3 -m pip install numpy scipy && python3 components/detect/tests/data/methods.py

Each is written out naively from its definition, over a list of all that came before. One value comes a minute.
"""

import json
from pathlib import Path

import numpy as np
import scipy
from scipy.special import rel_entr
from scipy.stats import median_abs_deviation, norm

DAY = 24 * 60


def gaussian(history, seen, value, settings):
    base = np.array(history[-settings["samples"]:], dtype=np.longdouble)
    return np.mean((seen + [value])[-settings["recent"]:]), np.mean(base), np.std(base)


def robust(history, seen, value, settings):
    base = np.array(history[-settings["samples"]:])
    return value, np.median(base), median_abs_deviation(base, scale="normal")


def ewma(history, seen, value, settings):
    base = np.array(history, dtype=np.longdouble)
    weights = (1 - np.longdouble(settings["alpha"])) ** np.arange(len(base))[::-1]
    mean = np.average(base, weights=weights)
    return value, mean, np.sqrt(np.average((base - mean) ** 2, weights=weights))


def run(method, name, values, **changed):
    settings = {"samples": 50, "recent": 10, "alpha": 0.02, "min_samples": 10, "threshold": 3.0} | changed
    judge = {"gaussian": gaussian, "robust": robust, "ewma": ewma}[method]
    history, seen, verdicts, anomalies = [], [], [], []
    for value in values:
        anomaly = False
        if len(history) < settings["min_samples"]:
            verdicts.append(None)
        else:
            judged, mean, std = judge(history, seen, value, settings)
            score = abs(judged - mean) / std if std > 0 else None
            anomaly = bool(score is not None and score > settings["threshold"])
            tail = None if score is None else float(2 * norm.sf(float(score)))
            score = None if score is None else float(score)
            verdicts.append([float(judged), float(mean), float(std), score, anomaly, tail])
        seen.append(value)
        anomalies.append(anomaly)
        if method != "gaussian":
            if not anomaly:
                history.append(value)
        # A value enters when it is no longer recent, and was part of no mean that was an anomaly.
        elif len(seen) > settings["recent"] and not any(anomalies[-settings["recent"] - 1:]):
            history.append(seen[-settings["recent"] - 1])
    return {"name": f"{method}: {name}", "method": method, "settings": settings, "values": values, "verdicts": verdicts}


def deviance(name, shares, events, **changed):
    """The usual share and its straying from all that was learned, anew for each value."""
    settings = {"samples": 50, "recent": 10, "alpha": 0.02, "min_samples": 5, "threshold": 6.5} | changed
    learned, verdicts = [], []  # minute, events, hits as counted, chi square as counted
    def usual(now):
        fade = [0.5 ** ((now - at) / DAY) for at, *_ in learned]
        hits = sum(f * h for f, (_, _, h, _) in zip(fade, learned))
        count = sum(f * n for f, (_, n, _, _) in zip(fade, learned))
        stray_fade = [0.5 ** ((now - at) / (DAY / 2)) for at, *_ in learned]
        stray = (sum(f * c for f, (*_, c) in zip(stray_fade, learned)) + 20) / (sum(stray_fade) + 20)
        return min(max((hits + 1) / (count + 100), 2e-4), 1 - 2e-4), max(stray, 1.0)
    for now, (share, n) in enumerate(zip(shares, events)):
        # Counts fade when the next comes, so that it is judged by them as of the last.
        p, stray = usual(learned[-1][0] if learned else 0)
        anomaly = False
        if len(learned) < settings["min_samples"]:
            verdicts.append(None)
        else:
            std = np.sqrt(stray * p * (1 - p) / n)
            score = np.sqrt(2 * n / stray * (rel_entr(share, p) + rel_entr(1 - share, 1 - p)))
            large = share > 0.01 and share >= 2 * p and share * n / stray > 3.5 and share > p
            anomaly = bool(score > settings["threshold"] and large)
            verdicts.append([share, float(p), float(std), float(score), anomaly, None])
        if not anomaly:
            hits = share * n
            chi = (hits - n * p) ** 2 / (n * p * (1 - p) + 0.5)
            most = hits if len(learned) < 10 else max(10 * n * p, 2.0)
            learned.append((now, n, min(hits, most), min(chi, 6.25 * stray)))
    case = {"name": f"deviance: {name}", "method": "deviance", "settings": settings, "values": shares, "verdicts": verdicts}
    return case | {"events": events}


def main():
    random = np.random.default_rng(1)
    noise = lambda n, mean, std: list(map(float, np.round(random.normal(mean, std, n), 6)))
    cases = []
    for method in ("gaussian", "robust", "ewma"):
        cases += [
            run(method, "bursts", noise(70, 295, 38) + noise(12, 1180, 90) + noise(60, 295, 38)),
            run(method, "1e9 and little noise", noise(120, 1e9, 1.0) + [1e9 + 7.5] * 9),
            run(method, "a drift", [float(1.05**i) for i in range(200)], threshold=8.0),
            run(method, "many equal values", ([200.0] * 3 + [210.0, 190.0, 230.0]) * 15 + [900.0] * 4),
            run(method, "both sides of nothing", noise(90, 0, 5) + [40.0, -40.0, 40.0], samples=31, recent=3),
        ]
    def shares(n, events, p):
        counts = random.poisson(events, n) + 1
        hits = random.binomial(counts, p)
        return [float(k / c) for k, c in zip(hits, counts)], [float(c) for c in counts]
    def joined(*parts):
        return sum((part[0] for part in parts), []), sum((part[1] for part in parts), [])
    cases += [
        deviance("from half a percent to five", *joined(shares(200, 300, 0.005), shares(20, 300, 0.05))),
        deviance("from a quarter to more than half", *joined(shares(100, 50, 0.25), shares(10, 50, 0.6))),
        deviance("from nothing", *joined(shares(60, 20, 0.0), shares(10, 20, 0.3))),
        deviance("straying", *joined(*[shares(1, 400, p) for p in random.beta(4, 96, 150)], shares(5, 400, 0.3))),
    ]
    path = Path(__file__).with_name("methods.json")
    lines = ",\n".join(json.dumps(case, allow_nan=False) for case in cases)
    path.write_text(f'{{"numpy": "{np.__version__}", "scipy": "{scipy.__version__}", "cases": [\n{lines}\n]}}\n')


main()
