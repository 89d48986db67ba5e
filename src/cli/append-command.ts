/**
 * `graveyar append`: one atomic append to one stream, from flags or from lines of JSON.
 */
import { isUtf8 } from 'node:buffer';
import { buffer as readAll } from 'node:stream/consumers';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { Expected, NewEvent } from '../client/index.ts';
import { EventLineError, parseEventLine } from './event-line.ts';
import { EXIT } from './exit-code.ts';
import { CommandFailure } from './failure.ts';
import { addServerFlags, listArgument, withClient } from './server-address.ts';
import type { ServerFlags } from './server-address.ts';
import { write, writeJson } from './terminal.ts';
import type { Terminal } from './terminal.ts';

interface AppendFlags extends ServerFlags {
  readonly type?: string;
  readonly data?: string;
  readonly metadata?: string;
  readonly id?: string;
  readonly tag?: readonly string[];
  readonly contentType?: string;
  readonly expect: Expected;
  readonly json?: boolean;
}

const HELP = `
With --type, appends one event; --data is JSON when it can be read as JSON, else text; "-" reads it, any bytes, from standard
input.
Without --type, reads events from standard input, one JSON object a line, as in \`graveyar import --help\`; "stream" may
be left out. All of them are appended as one: all or none.

Examples:
  graveyar append orders-1 --type order-placed --data '{"total":10}'
  graveyar append orders-1 --type order-paid --expect 0 --tag vip
  graveyar append notes --type note --data - < note.txt
  graveyar append orders-1 --expect none < events.ndjson`;

/** Adds the command. */
export function addAppendCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('append')
    .description('append events to a stream')
    .argument('<stream>', 'id of the stream')
    .option('--type <type>', 'type of the event')
    .option('--data <data>', 'data of the event')
    .option('--metadata <json>', 'metadata of the event')
    .option('--id <uuid>', 'id of the event; repeating an append with the same id does nothing')
    .option('--tag <tag>', 'a tag of the event; may be given several times', listArgument)
    .option('--content-type <type>', 'media type of the data')
    .option(
      '--expect <version>',
      'any, none (no stream), exists, or the revision of the last event',
      expectArgument,
      'any',
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP);
  addServerFlags(command).action((stream: string, flags: AppendFlags) => append(stream, flags, terminal));
}

async function append(stream: string, flags: AppendFlags, terminal: Terminal): Promise<void> {
  if (flags.type === undefined) refuseFlagsOfOneEvent(flags);
  const events =
    flags.type === undefined ? await eventsOfInput(stream, terminal) : [await eventOfFlags(flags, terminal)];
  const { expect } = flags;
  const signal = terminal.interrupted;
  await withClient(flags, terminal, async (client) => {
    const result = await client.append(stream, events, { expectedVersion: expect, signal });
    const { firstRevision, lastRevision, firstPosition, lastPosition, duplicate } = result;
    if (flags.json === true) {
      await writeJson(terminal.stdout, { stream, firstRevision, lastRevision, firstPosition, lastPosition, duplicate });
      return;
    }
    const revisions =
      firstRevision === lastRevision ? `revision ${lastRevision}` : `revisions ${firstRevision} to ${lastRevision}`;
    const positions =
      firstPosition === lastPosition ? `position ${lastPosition}` : `positions ${firstPosition} to ${lastPosition}`;
    const verb = duplicate ? 'already there' : 'appended';
    await write(terminal.stdout, `${verb}: ${stream}, ${revisions}, ${positions}\n`);
  });
}

/** Events from standard input say all of this themselves. */
function refuseFlagsOfOneEvent({ data, metadata, id, tag, contentType }: AppendFlags): void {
  const given = Object.entries({ data, metadata, id, tag, 'content-type': contentType });
  const first = given.find(([, value]) => value !== undefined);
  if (first === undefined) return;
  throw new CommandFailure(`--${first[0]} is for one event, which needs --type`, EXIT.usage);
}

async function eventOfFlags(flags: AppendFlags, terminal: Terminal): Promise<NewEvent> {
  const data = await dataOf(flags, terminal);
  const contentType = flags.contentType ?? (data === undefined ? undefined : contentTypeOf(data));
  if (flags.metadata !== undefined && !isJson(flags.metadata)) {
    throw new CommandFailure('--metadata: not valid JSON', EXIT.usage);
  }
  return {
    type: flags.type ?? '',
    ...(data === undefined ? {} : { data }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(flags.metadata === undefined ? {} : { metadata: Buffer.from(flags.metadata) }),
    ...(flags.id === undefined ? {} : { id: flags.id }),
    ...(flags.tag === undefined ? {} : { tags: flags.tag }),
  };
}

async function dataOf({ data }: AppendFlags, { stdin }: Terminal): Promise<Buffer | undefined> {
  if (data === '-') return readAll(stdin);
  return data === undefined ? undefined : Buffer.from(data);
}

function contentTypeOf(data: Buffer): string {
  if (!isUtf8(data)) return 'application/octet-stream';
  return isJson(data.toString()) ? 'application/json' : 'text/plain';
}

async function eventsOfInput(stream: string, { stdin }: Terminal): Promise<NewEvent[]> {
  if (stdin.isTTY === true) {
    throw new CommandFailure('give --type, or events on standard input; see graveyar append --help', EXIT.usage);
  }
  const input = await readAll(stdin);
  if (!isUtf8(input)) throw new CommandFailure('standard input is not valid UTF-8', EXIT.usage);
  const lines = input.toString().split('\n');
  const events = lines.flatMap((line, at) => (line.trim() === '' ? [] : [eventOfLine(line, at + 1, stream)]));
  if (events.length === 0) throw new CommandFailure('standard input has no events', EXIT.usage);
  return events;
}

function eventOfLine(line: string, number: number, stream: string): NewEvent {
  try {
    const parsed = parseEventLine(line, number, stream);
    if (parsed.stream !== stream) throw new EventLineError(`it is for the stream "${parsed.stream}"`);
    return parsed.event;
  } catch (error) {
    if (error instanceof EventLineError) throw new CommandFailure(`line ${number}: ${error.message}`, EXIT.usage);
    throw error;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function expectArgument(text: string): Expected {
  if (text === 'any') return 'any';
  if (text === 'none') return 'no-stream';
  if (text === 'exists') return 'stream-exists';
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new InvalidArgumentError('It must be any, none, exists or a revision.');
}
