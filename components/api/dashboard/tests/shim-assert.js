// As much of `node:assert/strict` as the tests use, for a browser.

const write = (value) => JSON.stringify(value, (key, inner) => (inner === undefined ? "undefined" : inner));

function ok(value, message) {
  if (!value) throw new Error(message ?? `${write(value)} is not true`);
}

function equal(actual, expected, message) {
  ok(Object.is(actual, expected), `${message ?? ""} ${write(actual)} is not ${write(expected)}`);
}

function deepEqual(actual, expected, message) {
  const isSame = (one, other) => {
    if (Object.is(one, other)) return true;
    if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
    const names = Object.keys(one);
    if (Array.isArray(one) !== Array.isArray(other) || names.length !== Object.keys(other).length) return false;
    return names.every((name) => Object.hasOwn(other, name) && isSame(one[name], other[name]));
  };
  ok(isSame(actual, expected), `${message ?? ""} ${write(actual)} is not ${write(expected)}`);
}

export default { ok, equal, deepEqual };
