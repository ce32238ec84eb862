// As much of `node:test` as the tests use, for a browser.

const tests = [];

export default function test(name, work) {
  tests.push([name, work]);
}

/** Runs what was declared; `say` is told the outcome of each. */
export async function run(say) {
  for (const [name, work] of tests) {
    try {
      await work();
      say(`ok ${name}`);
    } catch (error) {
      say(`not ok ${name}: ${error.stack}`);
    }
  }
}
