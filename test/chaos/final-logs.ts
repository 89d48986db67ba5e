/** The log of every member after the last operation, checked event by event against what was appended. */
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { GraveyarClient } from '../../src/client/index.ts';
import type { LogEvent } from './checker/history.ts';
import { checkData } from './clients.ts';
import type { Member } from './member.ts';

const READ_MILLIS = 300_000;

/** Appends that nobody waits for any more end with their calls' deadlines. */
const MOST_TRIES = 20;

/**
 * Reads each member's log by itself; writes `<member>.log.jsonl` into the directory. An append whose client gave up may still take effect
 * while logs are read: so the end is looked up before and after, and all logs are read again unless it is the same.
 */
export async function readFinalLogs(members: readonly Member[], directory: string): Promise<Map<string, LogEvent[]>> {
  const logs = new Map<string, LogEvent[]>();
  let last = await lastPosition(members);
  for (let tries = 1; ; tries++) {
    for (const member of members) logs.set(member.name, last === null ? [] : await readLog(member, last));
    const now = await lastPosition(members);
    if (now === last) break;
    if (tries === MOST_TRIES) throw new Error(`after the last operation the store grew to position ${String(now)}`);
    last = now;
  }
  for (const [name, log] of logs) await save(log, join(directory, `${name}.log.jsonl`));
  return logs;
}

async function lastPosition(members: readonly Member[]): Promise<number | null> {
  const client = new GraveyarClient(members.map(({ clientAddress }) => clientAddress));
  try {
    const [last] = await client.readAll({ direction: 'backwards', limit: 1, deadlineMillis: 30_000 }).toArray();
    return last?.position ?? null;
  } finally {
    client.close();
  }
}

async function readLog(member: Member, last: number): Promise<LogEvent[]> {
  const client = new GraveyarClient(member.clientAddress);
  const log: LogEvent[] = [];
  try {
    const options = { consistency: { atLeastPosition: last }, deadlineMillis: READ_MILLIS };
    for await (const batch of client.readAll(options).batches()) {
      for (const event of batch) {
        checkData(event);
        const { position, streamId, revision, id, createdAt, tags } = event;
        log.push({ position, stream: streamId, revision, id, createdAt, tags });
      }
    }
  } finally {
    client.close();
  }
  return log;
}

async function save(log: readonly LogEvent[], path: string): Promise<void> {
  const file = createWriteStream(path);
  for (const event of log) {
    if (!file.write(`${JSON.stringify(event)}\n`)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'finish');
}
