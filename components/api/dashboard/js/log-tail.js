// The live tail: logs as they come, a few times a second, and never more than a page can bear.

const EVERY = 250;
const AT_ONCE = 60;
const MOST = 400;

/**
 * Gathers logs from `stream`. `show(logs)` is told of all that are kept, newest first; `told({ waiting, skipped })` of
 * how many wait while `isPaused()`, and how many were too many to be shown.
 */
export function tail(stream, { isPaused, show, told }) {
  // Nothing is shown before `begin`: what stands there stays until it is replaced.
  let kept = null;
  let fresh = [];
  let skipped = 0;
  let timer = 0;

  const take = ({ detail }) => {
    fresh.push(detail);
    if (fresh.length > MOST) {
      fresh.shift();
      skipped += 1;
    }
    timer ||= setTimeout(flush, EVERY);
  };

  const flush = () => {
    timer = 0;
    if (!kept) return;
    if (!isPaused()) {
      const more = fresh.length - AT_ONCE;
      if (more > 0) {
        skipped += more;
        fresh = fresh.slice(more);
      }
      const seen = new Set(kept.map((log) => log.id));
      kept = [...fresh.filter((log) => !seen.has(log.id)).reverse(), ...kept].slice(0, MOST);
      fresh = [];
      show(kept);
    }
    told({ waiting: fresh.length, skipped });
  };

  stream.addEventListener("log", take);
  const close = () => {
    clearTimeout(timer);
    stream.removeEventListener("log", take);
  };
  /** Starts from these logs, newest first. */
  const begin = (logs) => {
    kept = logs;
    show(kept);
    flush();
  };
  return { begin, flush, close };
}
