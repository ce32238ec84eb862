// Numbers, durations and times as text. What is not known is a dash, never a zero.

export const NONE = "–";

const known = (value) => typeof value === "number" && Number.isFinite(value);

/** With so many significant digits that a change is seen, and no more: 0.0123, 4.57, 45.7, 457, 4,570. */
export function number(value) {
  if (!known(value)) return NONE;
  const size = Math.abs(value);
  if (size !== 0 && size < 0.001) return value.toExponential(1);
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

/** 950, 1.23 k, 45.6 M: for what grows without end. */
export function short(value) {
  if (!known(value)) return NONE;
  const steps = [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e4, "k", 1e3],
  ];
  for (const [from, letter, unit = from] of steps) {
    // From where it would be rounded up to it.
    if (Math.abs(value) >= from * 0.9995) return `${(value / unit).toPrecision(3)} ${letter}`;
  }
  return number(Math.abs(value) >= 100 ? Math.round(value) : value);
}

/** Percent given as percent. */
export function percent(value) {
  return known(value) ? `${number(value < 10 ? Math.round(value * 100) / 100 : Math.round(value * 10) / 10)} %` : NONE;
}

/** So many a second. */
export function rate(value) {
  return known(value) ? `${short(value)}/s` : NONE;
}

/** 0.4 s, 12 s, 3 min 5 s, 2 h 4 min, 3 d 1 h. */
export function duration(seconds) {
  if (!known(seconds)) return NONE;
  const size = Math.abs(seconds);
  if (size === 0) return "0 s";
  if (size < 0.0995) return `${Math.round(seconds * 1000)} ms`;
  if (size < 9.95) return `${number(Math.round(seconds * 10) / 10)} s`;
  const whole = Math.round(seconds);
  const units = [
    [86400, "d", 3600, "h"],
    [3600, "h", 60, "min"],
    [60, "min", 1, "s"],
  ];
  for (const [unit, name, part, partName] of units) {
    if (Math.abs(whole) < unit) continue;
    const rest = Math.floor((whole % unit) / part);
    return `${Math.floor(whole / unit)} ${name}${rest ? ` ${rest} ${partName}` : ""}`;
  }
  return `${whole} s`;
}

/** A figure in the unit that the API names; without one the bare number. */
export function figure(value, unit) {
  if (!known(value)) return NONE;
  switch (unit) {
    case "ms":
      return value >= 100_000 ? duration(value / 1000) : `${number(value)} ms`;
    case "s":
    case "seconds":
      return duration(value);
    case "percent":
      return percent(value);
    case "ratio":
      return percent(value * 100);
    case "per_second":
      return rate(value);
    case "bytes":
      return `${short(value)}B`;
    default:
      return unit ? `${short(value)} ${unit}` : short(value);
  }
}

const two = (part) => String(part).padStart(2, "0");

/** Year, month, … of a moment, each as text, in the zone `utc` or `local`. */
function parts(at, zone) {
  const get = (name) => at[zone === "utc" ? `getUTC${name}` : `get${name}`]();
  return {
    day: `${get("FullYear")}-${two(get("Month") + 1)}-${two(get("Date"))}`,
    clock: `${two(get("Hours"))}:${two(get("Minutes"))}`,
    seconds: two(get("Seconds")),
    millis: String(get("Milliseconds")).padStart(3, "0"),
  };
}

/**
 * A moment from the API (RFC 3339, or a number: milliseconds, or microseconds as in an anomaly's evidence) as a date;
 * null if it is none.
 */
export function moment(value) {
  if (value === null || value === undefined || value === "") return null;
  const at = new Date(typeof value === "number" && value > 1e14 ? value / 1000 : value);
  return Number.isNaN(at.getTime()) ? null : at;
}

/** Date and time: `2026-01-05 12:03:04`. */
export function dateTime(value, zone, { millis = false } = {}) {
  const at = moment(value);
  if (!at) return NONE;
  const { day, clock, seconds, millis: part } = parts(at, zone);
  return `${day} ${clock}:${seconds}${millis ? `.${part}` : ""}`;
}

/** The time alone, with the day if that is another one than `now`'s. */
export function time(value, zone, now, { millis = false } = {}) {
  const at = moment(value);
  if (!at) return NONE;
  const { day, clock, seconds, millis: part } = parts(at, zone);
  const today = parts(new Date(now), zone).day === day;
  return `${today ? "" : `${day.slice(5)} `}${clock}:${seconds}${millis ? `.${part}` : ""}`;
}

/** A mark of a time axis whose marks are `step` milliseconds apart. */
export function tick(value, zone, step) {
  const { day, clock, seconds } = parts(new Date(value), zone);
  if (step >= 86_400_000 || (clock === "00:00" && seconds === "00")) return day.slice(5);
  return step < 60_000 ? `${clock}:${seconds}` : clock;
}

/** How long ago: `12 s ago`. */
export function ago(value, now) {
  const at = moment(value);
  return at ? `${duration(Math.max(0, Math.round((now - at.getTime()) / 1000)))} ago` : NONE;
}

/** How long ago, to the minute, for what is not written anew every second. */
export function agoRoughly(value, now) {
  const at = moment(value);
  if (!at) return NONE;
  const minutes = Math.floor((now - at.getTime()) / 60_000);
  return minutes < 1 ? "just now" : `${duration(minutes * 60)} ago`;
}

/** A moment as `<input type="datetime-local">` wants it. */
export function forInput(value, zone) {
  const at = moment(value);
  if (!at) return "";
  const { day, clock, seconds } = parts(at, zone);
  return `${day}T${clock}:${seconds}`;
}

/** What such an input says, as RFC 3339; null if it says nothing. */
export function fromInput(text, zone) {
  const at = text ? moment(zone === "utc" ? `${text}Z` : text) : null;
  return at ? at.toISOString() : null;
}
