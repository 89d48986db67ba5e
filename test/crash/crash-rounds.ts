/**
 * Crash rounds: a real server under load is ended at a random moment, then its directory is checked offline, and after
 * the restart everything that was acknowledged must be there, once, in order, and nothing that was never sent.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GraveyarClient } from '../../src/client/index.ts';
import type { RecordedEvent } from '../../src/client/index.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { runGraveyar, startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { AcknowledgedEvents } from './acknowledged-events.ts';
import { eventsOf, startLoad } from './append-load.ts';

export interface CrashOptions {
  readonly rounds: number;
  /** Decides the moments, the sizes and the streams. What the machine makes of them it does not repeat. */
  readonly seed: number;
  readonly signal: 'SIGKILL' | 'SIGTERM';
  readonly onRound?: (round: RoundReport) => void;
}

/** What one round came to. */
export interface RoundReport {
  readonly round: number;
  readonly killedAfterMillis: number;
  /** Events acknowledged since the beginning, and events in the store. */
  readonly acknowledged: number;
  readonly stored: number;
  /** Appends that had no answer. */
  readonly unanswered: number;
  /** Entries that the log had and the state had not. */
  readonly unapplied: number;
}

const LONGEST_MILLIS = 1500;
/** Small, so that segments rotate and the log is cut many times. */
const FLAGS = ['--segment-size', '1MiB', '--log-size', '1MiB'];

/** Runs the rounds on one directory. Throws at the first thing that is wrong, naming round and seed. */
export async function runCrashRounds(options: CrashOptions): Promise<readonly RoundReport[]> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'graveyar-crash-'));
  const random = new SeededRandom(options.seed);
  const known = new AcknowledgedEvents();
  const reports: RoundReport[] = [];
  try {
    for (let round = 1; round <= options.rounds; round++) {
      try {
        const report = await runRound(round, dataDirectory, known, random, options.signal);
        reports.push(report);
        options.onRound?.(report);
      } catch (error) {
        throw new Error(`round ${round} of seed ${options.seed}: ${(error as Error).message}`, { cause: error });
      }
    }
    const server = await startServerProcess({ dataDirectory, flags: FLAGS });
    await verifyAll(server, known);
    await server.stop();
    return reports;
  } finally {
    rmSync(dataDirectory, { recursive: true, force: true });
  }
}

async function runRound(
  round: number,
  dataDirectory: string,
  known: AcknowledgedEvents,
  random: SeededRandom,
  signal: 'SIGKILL' | 'SIGTERM',
): Promise<RoundReport> {
  const server = await startServerProcess({ dataDirectory, flags: FLAGS });
  try {
    await verifyAll(server, known);
    const client = new GraveyarClient(server.address, { deadlineMillis: 20_000 });
    const load = startLoad(client, known, random);
    const killedAfterMillis = 20 + random.integer(LONGEST_MILLIS);
    await Promise.race([after(killedAfterMillis), load.finished]);
    server.kill(signal);
    const exit = await server.exited;
    load.stop();
    await load.finished;
    client.close();
    if (signal === 'SIGTERM' && exit.code !== 0) throw new Error(`the server ended with ${JSON.stringify(exit)}`);
    const check = await checkDirectory(dataDirectory);
    const unanswered = known.takeUnknown();
    for (const attempt of unanswered) known.hadNoAnswer(attempt);
    return {
      round,
      killedAfterMillis,
      acknowledged: known.acknowledged,
      stored: check.events,
      unanswered: unanswered.length,
      unapplied: check.logUnapplied,
    };
  } finally {
    server.kill('SIGKILL');
    await server.exited;
  }
}

/** The store against what the clients know; then what had no answer is sent again, which must succeed, and all once more. */
async function verifyAll(server: ServerProcess, known: AcknowledgedEvents): Promise<void> {
  const client = new GraveyarClient(server.address);
  try {
    known.verify(await readFrom(client, known.verified));
    for (const attempt of known.takeUnknown()) {
      known.succeeded(attempt, await client.append(attempt.streamId, eventsOf(attempt)));
    }
    known.verify(await readFrom(client, known.verified));
  } finally {
    client.close();
  }
}

async function readFrom(client: GraveyarClient, from: number): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const batch of client.readAll({ from }).batches()) events.push(...batch);
  return events;
}

async function checkDirectory(path: string): Promise<{ events: number; logUnapplied: number }> {
  const { code, stdout, stderr } = await runGraveyar(['check', path, '--json'], { timeoutMillis: 120_000 });
  if (code !== 0) throw new Error(`check ended with ${String(code)}: ${stdout} ${stderr}`);
  return JSON.parse(stdout) as { events: number; logUnapplied: number };
}

function after(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}
