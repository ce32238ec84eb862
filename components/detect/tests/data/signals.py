"""Writes signals.json: which alarms of a small service open and close, and when, by the formulas of `signals` in NumPy.

    python3 -m pip install numpy && python3 components/detect/tests/data/signals.py

It is written another way than the Rust code: all buckets are kept, windows are differences of running sums in floating
point, and the histogram is a matrix. The service is drawn from whole numbers, as in `tests/signals/workload.rs`, so that
both sides see the same events without a file of them.
"""

import json
import math
from pathlib import Path

import numpy as np

DAY, HOUR, SLOT = 8640, 360, 30
WIDTHS = [1, 6, 30, 90, 180, 720]
LATENCY = [8.8, 6.6, 6.05, 5.2, 5.5, 4.95]
EFFECTS = [1.25, 1.25, 1.2, 1.2, 1.2, 1.2]
ERRORS = [7.5, 7.5, 7.0, 6.5, 6.5, 6.5]
TAIL, TRAFFIC, SILENCE = 6.6, 6.05, 15.4
BINS, LOWEST = 20, -100
LATENCY_, TAIL_, ERROR_, TRAFFIC_, SILENCE_ = range(5)
NAMES = ["latency", "tail_latency", "error_rate", "traffic", "silence"]


class Random:
    def __init__(self, seed):
        self.state = seed

    def uniform(self):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        bits = self.state
        bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & mask
        bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & mask
        return ((bits ^ (bits >> 31)) >> 11) / (1 << 53)

    def normal(self):
        total = 0.0
        for _ in range(12):
            total += self.uniform()
        return total - 6.0


def doing(tick):
    """Events, latency, errors, slow: what `reference.rs` has the service do."""
    noon = 1.0 - abs(2.0 * (tick % DAY) / DAY - 1.0)
    events, latency, errors, slow = 3.0 + 4.0 * noon, 180.0, 0.01, 0.0
    after = tick - 2 * DAY
    if 3 * HOUR <= tick % DAY < 3 * HOUR + 90:
        events *= 3.0
    if 500 <= after < 620:
        latency = 360.0
    if 1800 <= after < 1830:
        errors = 0.4
    if 3000 <= after < 3150:
        events = 0.0
    if 4500 <= after < 4620:
        slow = 0.1
    if 5600 <= after < 5700:
        events *= 4.0
    if 6500 <= after < 7100:
        latency = 180.0 * (1.0 + 0.003 * (after - 6500))
    return events, latency, errors, slow


def service(seed, ticks):
    random = Random(seed)
    n, e, sums = np.zeros(ticks), np.zeros(ticks), np.zeros((ticks, 2))
    histogram = np.zeros((ticks, 400))
    for tick in range(ticks):
        events, median, errors, slow = doing(tick)
        spread = math.sqrt(events) * random.normal()
        count = max(math.floor(events + spread + 0.5), 0) if events > 0 else 0
        for _ in range(count):
            times = 20.0 if random.uniform() < slow else 1.0
            x = math.log(median * times * math.exp(0.5 * random.normal()))
            n[tick] += 1
            sums[tick] += [x, x * x]
            histogram[tick, math.floor(x * BINS) - LOWEST] += 1
            e[tick] += random.uniform() < errors
    return n, e, sums, histogram


def binomial(k, n, p):
    share = k / n
    deviance = share * math.log(share / p) if share > 0 else 0.0
    deviance += (1 - share) * math.log((1 - share) / (1 - p)) if share < 1 else 0.0
    return math.copysign(math.sqrt(max(0.0, 2 * n * deviance)), share - p)


def poisson(k, expected):
    deviance = expected - k + (k * math.log(k / expected) if k > 0 else 0.0)
    return math.copysign(math.sqrt(max(0.0, 2 * deviance)), k - expected)


def clipped(sum_x, sum_xx, bins, usual):
    """Both sums, where what is more than twenty times off the usual counts as that, to the middle of a bin."""
    for place in np.nonzero(bins)[0]:
        place = int(place)
        middle = (place + LOWEST + 0.5) / BINS
        for limit, is_out in [
            (usual - math.log(20), place + LOWEST < math.floor((usual - math.log(20)) * BINS)),
            (usual + math.log(20), place + LOWEST > math.floor((usual + math.log(20)) * BINS)),
        ]:
            if is_out:
                sum_x += bins[place] * (limit - middle)
                sum_xx += bins[place] * (limit * limit - middle * middle)
    return sum_x, sum_xx


def weight(hours):
    return 1 - 0.5 ** (1 / (hours * HOUR))


class Running:
    """Running sums of one quantity over all buckets."""

    def __init__(self, ticks):
        self.sums = np.zeros(ticks + 1)

    def put(self, tick, value):
        self.sums[tick + 1] = self.sums[tick] + value

    def last(self, tick, width):
        return self.sums[tick + 1] - self.sums[max(0, tick + 1 - width)]

    def one(self, tick):
        return self.sums[tick + 1] - self.sums[tick]


def run(n, e, sums, histogram):
    ticks = len(n)
    events, errors, off, tail, expected = (Running(ticks) for _ in range(5))
    level, season, variance, between = None, np.zeros(288), 0.3, [0.01] * 6
    median, offset, share, seen = 0.0, 10.0, 0.01, 0.0
    tail_ratio, error_ratio = [1.0] * 6, [1.0] * 6
    offsets = np.zeros(320)
    known_errors, known_events = 1.0, 100.0
    rate, rate_season, rate_between = None, np.zeros(288), [0.01] * 6
    seen_events, usual_events = 0.0, 0.0
    odd = None
    silence, longest = 0.0, 3.0
    today = np.zeros((4, 288))
    days = []
    opened, scale_of, held, rebased = [None] * 5, [0] * 5, [0] * 5, [0] * 5
    exceeded = None
    first = np.zeros(400)
    changes = []
    for tick in range(ticks):
        slot, count, (sum_x, sum_xx) = tick % DAY // SLOT, n[tick], sums[tick]
        grown = len(days) > 0
        usual = None if level is None else level + season[slot]
        if usual is None and count > 0:
            first += histogram[tick]
            if first.sum() >= 20:
                place = int(np.nonzero(first.cumsum() > first.sum() // 2)[0][0])
                median = (place + LOWEST + 0.5) / BINS
                level = clipped(sums[: tick + 1, 0].sum(), 0.0, first, median)[0] / first.sum()
        if usual is not None:
            sum_x, sum_xx = clipped(sum_x, sum_xx, histogram[tick], usual)
        ratio = (seen_events + 2) / (usual_events + 2)
        plain = count if rate is None else math.exp(rate + rate_season[slot])
        usual_share = known_errors / known_events
        slow = histogram[tick, max(0, math.ceil((median + offset) * BINS) - LOWEST):].sum() if usual is not None else 0
        events.put(tick, count)
        errors.put(tick, e[tick])
        off.put(tick, 0.0 if usual is None else sum_x - count * usual)
        tail.put(tick, slow)
        expected.put(tick, plain * ratio)
        if count == 0:
            silence += plain * ratio
        else:
            if opened[SILENCE_] is None:
                longest = max(longest * 0.9995, min(silence, 3 * longest))
            silence = 0.0
        fires, holds, is_faster = [None] * 5, [False] * 5, False

        def take(signal, scale, is_alarm, goes_on):
            limit = 6 if opened[signal] is None else max(scale_of[signal], 2)
            if is_alarm and fires[signal] is None:
                fires[signal] = scale
            holds[signal] |= (is_alarm or goes_on) and scale <= limit

        for scale, width in enumerate(WIDTHS):
            if tick < HOUR or tick + 1 < width:
                continue
            window = lambda signal: tick - rebased[signal] >= width
            total, due = events.last(tick, width), expected.last(tick, width)
            if grown and scale < 5 and window(TRAFFIC_) and due > 0.5:
                score = abs(poisson(total, due)) / math.sqrt(1 + rate_between[scale] * due)
                change = math.log((total + 0.5) / (due + 0.5))
                effect = math.log(1.8 if total > due else 1.6)
                is_alarm = score > TRAFFIC and abs(change) > effect
                if scale == 0:
                    # One bucket alone is a blip.
                    twice = odd == (tick - 1, total > due)
                    if is_alarm:
                        odd = (tick, total > due)
                    take(TRAFFIC_, scale, is_alarm and twice, False)
                else:
                    take(TRAFFIC_, scale, is_alarm, score > TRAFFIC / 2 and abs(change) > effect / 2)
                if opened[TRAFFIC_] is None and due >= 3:
                    square = ((total - due) / due) ** 2
                    most = 6.25 * (rate_between[scale] + 1 / due)
                    rate_between[scale] += weight(12) * (min(square - 1 / due, most) - rate_between[scale])
                    rate_between[scale] = max(rate_between[scale], 0.0009)
            if total < 3:
                continue
            buckets = range(tick + 1 - width, tick + 1)
            if usual is not None and window(LATENCY_):
                x, within = off.last(tick, width) / total, variance / total
                score = x / math.sqrt(within + between[scale])
                least = math.log(EFFECTS[scale])
                is_alarm = x > least and total >= 5 and score > LATENCY[scale]
                if is_alarm and scale == 0:
                    is_alarm, exceeded = exceeded == tick - 1 and tick > 0, tick
                elif is_alarm and scale < 3:
                    worst = max(buckets, key=off.one)
                    rest = total - events.one(worst)
                    is_alarm = rest >= 2 and (off.last(tick, width) - off.one(worst)) / rest > 0.6 * least
                is_faster |= scale == 4 and opened[LATENCY_] is None and score < -5.5 and x < -math.log(1.25)
                take(LATENCY_, scale, is_alarm, scale > 0 and x > least / 2 and score > LATENCY[scale] / 2)
                if opened[LATENCY_] is None:
                    most = 6.25 * (between[scale] + within)
                    between[scale] += weight(12) * (min(x * x - within, most) - between[scale])
                    between[scale] = max(between[scale], 0.0004)
            if grown and 0 < scale < 5 and window(TAIL_):
                k = tail.last(tick, width)
                spread = math.sqrt(max(1, tail_ratio[scale]))
                score = binomial(k, total, share) / spread
                is_alarm = k >= 5 and score > TAIL and k > 2 * share * total
                if is_alarm:
                    worst = max(buckets, key=tail.one)
                    rest, rest_k = total - events.one(worst), k - tail.one(worst)
                    is_alarm = rest >= 3 and rest_k >= 4 and rest_k > 2 * share * rest
                    is_alarm = is_alarm and binomial(rest_k, rest, share) / spread > 0.75 * TAIL
                take(TAIL_, scale, is_alarm, score > TAIL / 2 and k > 1.5 * share * total)
                if opened[TAIL_] is None and opened[LATENCY_] is None:
                    square = (k - total * share) ** 2 / (total * share * (1 - share) + 0.5)
                    tail_ratio[scale] += weight(12) * (min(square, 6.25 * max(1, tail_ratio[scale])) - tail_ratio[scale])
            if window(ERROR_):
                k = errors.last(tick, width)
                score = binomial(k, total, usual_share) / math.sqrt(max(1, error_ratio[scale]))
                more = k / total - usual_share
                is_alarm = k >= 4 and score > ERRORS[scale] and more > 0.01 and k / total > 2 * usual_share
                take(ERROR_, scale, is_alarm, score > ERRORS[scale] / 2 and more > 0.005)
                if opened[ERROR_] is None:
                    square = (k - total * usual_share) ** 2 / (total * usual_share * (1 - usual_share) + 0.5)
                    error_ratio[scale] += weight(12) * (min(square, 6.25 * max(1, error_ratio[scale])) - error_ratio[scale])
        if grown and silence > 0:
            doubt = 1 / (seen_events + 2) + rate_between[4]
            score = math.log(1 + silence * doubt) / doubt
            if score > SILENCE and silence > 2 * longest:
                fires[SILENCE_] = 0
            holds[SILENCE_] = silence > 1
        for signal in range(5):
            if opened[signal] is None:
                if fires[signal] is not None:
                    opened[signal], scale_of[signal], held[signal] = tick, fires[signal], tick
                    changes.append([tick, NAMES[signal], True])
                continue
            if holds[signal]:
                held[signal] = tick
            if tick - held[signal] > 30:
                opened[signal], rebased[signal] = None, tick
                changes.append([tick, NAMES[signal], False])
        if is_faster and opened[LATENCY_] is None:
            level += off.last(tick, 180) / events.last(tick, 180)
            rebased[LATENCY_] = tick
        # What is open for so long that it would become usual does not come up here.
        assert all(since is None or tick - since < 2 * HOUR for since in opened), changes

        if count > 0 and usual is not None:
            place = int(np.nonzero(histogram[tick].cumsum() > count // 2)[0][0])
            median += 0.3 * min(1.0, count / 20) * ((place + LOWEST + 0.5) / BINS - median)
            if opened[TAIL_] is None and opened[LATENCY_] is None:
                middle = math.floor(median * BINS)
                for place in np.nonzero(histogram[tick])[0]:
                    offsets[place + LOWEST - middle + 160] += histogram[tick, place]
                seen += count
                part = count / (min(seen, 50_000) + count)
                share += part * (min(slow / count, max(10 * share, 3 / count)) - share)
                share = min(max(share, 0.003), 0.2)
            x, within = sum_x / count - usual, variance / count
            trust = (between[0] + 0.02) / (within + between[0] + 0.02)
            today[0, slot] += trust * (x + season[slot])
            today[1, slot] += trust
            if opened[LATENCY_] is None:
                most = 3 * math.sqrt(within + between[0])
                level += max(weight(4), 1 / (tick + 2)) * trust * min(max(x, -most), most)
                if count > 1:
                    new = min(max(0.0, (sum_xx - sum_x * sum_x / count) / (count - 1)), 4 * variance)
                    variance += max(0.0005, 1 / (tick + 2)) * min(1, count / 10) * (new - variance)
        if count > 0 and opened[ERROR_] is None:
            kept = 1 - weight(24)
            known_errors = known_errors * kept + min(e[tick], max(10 * usual_share * count, 2))
            known_events = known_events * kept + count
            if known_events < 100:
                known_errors, known_events = known_errors + 0.01 * (100 - known_events), 100.0
            known_errors = max(known_errors, 2e-4 * known_events)
        if rate is None:
            if tick >= 30 and events.last(tick, 720) > 0:
                rate = math.log(events.last(tick, 720) / (tick + 1))
        else:
            today[2, slot] += count
            today[3, slot] += math.exp(rate)
            if opened[TRAFFIC_] is None and opened[SILENCE_] is None and silence < SILENCE / 2:
                kept = 1 - weight(2)
                seen_events, usual_events = seen_events * kept + count, usual_events * kept + plain
        if tick % HOUR == HOUR - 1 and offsets.sum() > 0:
            above = offsets[::-1].cumsum() > 0.01 * offsets.sum()
            offset = (320 - int(np.nonzero(above)[0][0]) - 160) / BINS
            offsets *= 0.94
        if tick % DAY == DAY - 1:
            total, due = today[2].sum(), today[3].sum()
            half = next((half for half in range(9) if total / 288 * (2 * half + 1) >= 60), 9)
            smooth = sum(np.roll(today, shift, axis=1) for shift in range(-half, half + 1))
            latency_of_day = smooth[0] / (smooth[1] + 1)
            rate_of_day = np.log((smooth[2] + 0.5) / (smooth[3] * total / due + 0.5))
            days = (days + [(latency_of_day, rate_of_day)])[-7:]
            season = np.median([day[0] for day in days], axis=0)
            season = season - season.mean()
            rate_season = np.median([day[1] for day in days], axis=0)
            rate_season = rate_season - math.log(np.exp(rate_season).mean())
            rate = math.log(total / (due / math.exp(rate)))
            seen_events = usual_events = 0.0
            if opened[TRAFFIC_] is None and opened[SILENCE_] is None:
                for back in range(720):
                    seen_events += 0.7 * n[tick - back]
                    usual_events += 0.7 * math.exp(rate + rate_season[(tick - back) % DAY // SLOT])
            if tick < 2 * DAY:
                between = [min(value, 0.01) for value in between]
                rate_between = [min(value, 0.02) for value in rate_between]
            today[:] = 0
    return changes


if __name__ == "__main__":
    changes = run(*service(21, 3 * DAY))
    text = ",\n".join(json.dumps(change) for change in changes)
    Path(__file__).with_name("signals.json").write_text(f"[\n{text}\n]\n")
    print(text)
