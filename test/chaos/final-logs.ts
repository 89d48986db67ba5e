/** The log of every member after the last operation, checked event by event against what was appended. */
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { GraveyarClient } from '../../src/client/index.ts';
import type { LogEvent } from './checker/history.ts';
import { checkData } from './clients.ts';
import type { Member } from './member.ts';

const READ_MILLIS = 300_000;

/** Reads all that was acknowledged before, from each member by itself; writes `<member>.log.jsonl` into the directory. */
export async function readFinalLogs(members: readonly Member[], directory: string): Promise<Map<string, LogEvent[]>> {
  const last = await lastPosition(members);
  const logs = new Map<string, LogEvent[]>();
  for (const member of members) {
    const log = last === null ? [] : await readLog(member, last);
    await save(log, join(directory, `${member.name}.log.jsonl`));
    logs.set(member.name, log);
  }
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
