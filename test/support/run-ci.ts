/**
 * Everything that CI runs, in order, with progress: each check of the sources counts as one, then every test counts. The
 * last line is `N passed, N failed`. Fails when anything failed, when no test ran and, with CI=true, when one was skipped.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const BINARIES = join(ROOT, 'node_modules', '.bin');
/** One step. */
const STEP_MILLIS = 30 * 60_000;
/** The step in which Kubernetes is built, the first time. */
const BUILD_MILLIS = 60 * 60_000;
/** They want the machine for themselves, so they run after all others and not beside them. */
const ALONE = 'test/e2e/**';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** The parts of vitest's JSON report that are counted. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

/** Runs one program on this Node; true when it succeeded. Its output goes through. */
function run(name: string, command: string, args: readonly string[], timeout = STEP_MILLIS): boolean {
  const started = Date.now();
  console.log(`\n== ${name}: ${[command, ...args].join(' ')}`);
  const { status, signal, error } = spawnSync(command, args, {
    cwd: ROOT,
    stdio: 'inherit',
    timeout,
    env: { ...process.env, PATH: `${BINARIES}${delimiter}${process.env['PATH'] ?? ''}` },
  });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  const outcome = status === 0 ? 'ok' : `FAILED (${error?.message ?? signal ?? `exit code ${String(status)}`})`;
  console.log(`== ${name}: ${outcome} in ${seconds} s`);
  return status === 0;
}

function runTests(name: string, scratch: string, filters: readonly string[]): Counts {
  const output = join(scratch, `${name.replaceAll(' ', '-')}.json`);
  const args = ['run', '--config', 'test/vitest.config.ts', '--reporter=default', '--reporter=json'];
  const ok = run(name, 'vitest', [...args, `--outputFile.json=${output}`, ...filters]);
  try {
    const report = JSON.parse(readFileSync(output, 'utf8')) as VitestReport;
    // A file that cannot be loaded has no tests to count, but it failed; so has a run that failed beside its tests.
    const unloaded = report.testResults.filter(
      (file) => file.status === 'failed' && file.assertionResults.length === 0,
    );
    const failed = report.numFailedTests + unloaded.length;
    const skipped = report.numPendingTests + report.numTodoTests;
    return { passed: report.numPassedTests, failed: failed === 0 && !ok ? 1 : failed, skipped };
  } catch (error) {
    console.log(`no report of the tests: ${(error as Error).message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

function main(): number {
  const scratch = mkdtempSync(join(tmpdir(), 'graveyar-ci-'));
  try {
    const checks = [
      run('format', 'prettier', ['--check', '--log-level', 'warn', '.']),
      run('lint', 'eslint', ['--config', 'test/eslint.config.js', 'src', 'test', 'operator']),
      run('types', 'tsc', []),
      run('generated code', 'node', ['test/support/generate-code.ts', '--check']),
      run('build', 'tsc', ['-p', 'test/tsconfig.build.json', '--outDir', join(scratch, 'dist')]),
      run('programs of Kubernetes', 'node', ['test/support/kubernetes/prepare.ts'], BUILD_MILLIS),
    ];
    const filters = process.argv.slice(2);
    const runs =
      filters.length > 0
        ? [runTests('tests', scratch, filters)]
        : [runTests('tests', scratch, ['--exclude', ALONE]), runTests('end to end', scratch, ['test/e2e'])];
    const sum = (count: (counts: Counts) => number): number => runs.reduce((total, each) => total + count(each), 0);
    const [testsPassed, testsFailed, skipped] = [sum((c) => c.passed), sum((c) => c.failed), sum((c) => c.skipped)];
    const passed = checks.filter(Boolean).length + testsPassed;
    const failed = checks.filter((ok) => !ok).length + testsFailed;
    const skippedCount = process.env['CI'] === 'true' && skipped > 0;
    if (skipped > 0) console.log(`\n${skipped} skipped${skippedCount ? ', which CI does not allow' : ''}`);
    if (testsPassed + testsFailed === 0) console.log('\nno test ran');
    console.log(`\n${passed} passed, ${failed} failed`);
    return failed > 0 || skippedCount || testsPassed === 0 ? 1 : 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

process.exitCode = main();
