/** Names the slow tests at the end of a run, so that nobody has to look for what became slow. */

const SLOW_MS = 5000;
const COUNT_MAX = 15;

export default class SlowTestsReporter {
  onRunComplete(_contexts, { testResults }) {
    const slow = testResults
      .flatMap(({ testFilePath, testResults: tests }) =>
        tests.map(({ fullName, duration }) => ({ testFilePath, fullName, ms: duration ?? 0 })),
      )
      .filter(({ ms }) => ms > SLOW_MS)
      .sort((a, b) => b.ms - a.ms);
    if (slow.length === 0) return;
    console.log(`\nTests that took more than ${SLOW_MS / 1000} s: ${slow.length}`);
    for (const { testFilePath, fullName, ms } of slow.slice(0, COUNT_MAX))
      console.log(`${(ms / 1000).toFixed(1).padStart(7)} s  ${testFilePath.replace(/^.*\/test\//, '')}: ${fullName}`);
  }
}
