/**
 * The long crash test: `npm run test:crash -- --rounds 100 --seed 1`. Prints one JSON line a round; exits 1 at the first loss.
 */
import { parseArgs } from 'node:util';
import { runCrashRounds } from './crash-rounds.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
    signal: { type: 'string', default: 'SIGKILL' },
  },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed);
if (!Number.isSafeInteger(rounds) || rounds < 1 || !Number.isSafeInteger(seed)) {
  console.error('usage: npm run test:crash -- [--rounds <count>] [--seed <number>] [--signal SIGKILL|SIGTERM]');
  process.exit(2);
}

console.log(JSON.stringify({ rounds, seed }));
try {
  const reports = await runCrashRounds({
    rounds,
    seed,
    signal: values.signal === 'SIGTERM' ? 'SIGTERM' : 'SIGKILL',
    onRound: (report) => console.log(JSON.stringify(report)),
  });
  console.log(JSON.stringify({ rounds: reports.length, seed, lost: 0, duplicated: 0 }));
} catch (error) {
  console.error((error as Error).stack);
  process.exitCode = 1;
}
