/**
 * `graveyar read`: events of a stream, or of the whole store.
 */
import type { Command } from 'commander';
import type { Consistency } from '../client/index.ts';
import { createEventPrinter } from './event-printer.ts';
import { EXIT } from './exit-code.ts';
import { CommandFailure } from './failure.ts';
import { addFilterFlags, filterOf } from './filter-flags.ts';
import type { FilterFlags } from './filter-flags.ts';
import { addServerFlags, countArgument, withClient } from './server-address.ts';
import type { ServerFlags } from './server-address.ts';
import type { Terminal } from './terminal.ts';

interface ReadFlags extends ServerFlags, FilterFlags {
  readonly all?: boolean;
  readonly from?: number;
  readonly fromTime?: string;
  readonly limit?: number;
  readonly backwards?: boolean;
  readonly local?: boolean;
  readonly atLeast?: number;
  readonly json?: boolean;
}

const HELP = `
Examples:
  graveyar read orders-1
  graveyar read orders-1 --backwards --limit 1
  graveyar read --all --from 1000 --limit 10
  graveyar read orders-1 --at-least 41     # from any member, once it has position 41, which an append has told
  graveyar read --all --from-time 2026-01-01T00:00:00Z --type order-placed --tag vip
  graveyar read --all --stream-prefix orders- --json | jq .data`;

/** Adds the command. */
export function addReadCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('read')
    .description('read events of a stream, or of the whole store')
    .argument('[stream]', 'id of the stream')
    .option('--all', 'read the whole store')
    .option('--from <number>', 'first revision (of a stream) or position (of the whole store) to read', countArgument)
    .option('--from-time <time>', 'with --all: begin at this time (ISO 8601)')
    .option('--limit <count>', 'read at most so many events', countArgument)
    .option('--backwards', 'read from new to old')
    .option('--local', 'read what this server has, without making sure that it is the newest')
    .option('--at-least <position>', 'read what this server has once it has the event at this position', countArgument)
    .option('--json', 'print one JSON object a line, in the form that import takes')
    .addHelpText('after', HELP);
  addServerFlags(addFilterFlags(command)).action((stream: string | undefined, flags: ReadFlags) =>
    read(stream, flags, terminal),
  );
}

async function read(stream: string | undefined, flags: ReadFlags, terminal: Terminal): Promise<void> {
  if ((stream === undefined) !== (flags.all === true)) {
    throw new CommandFailure('give either a stream or --all', EXIT.usage);
  }
  if (stream !== undefined && flags.fromTime !== undefined) {
    throw new CommandFailure('--from-time is for the whole store, not for one stream', EXIT.usage);
  }
  const filter = filterOf(flags, stream);
  if (flags.limit === 0) return;
  const shared = {
    direction: flags.backwards === true ? ('backwards' as const) : ('forwards' as const),
    consistency: consistencyOf(flags),
    signal: terminal.interrupted,
    ...(flags.limit === undefined ? {} : { limit: flags.limit }),
    // A read may be as long as it likes, while it gets somewhere.
    ...(flags.timeout === undefined ? {} : { silenceMillis: flags.timeout }),
  };
  const printer = createEventPrinter(terminal, flags.json === true);
  await withClient(flags, terminal, async (client) => {
    const events =
      stream === undefined
        ? client.readAll({ ...shared, ...startOf(flags), ...(filter === null ? {} : { filter }) })
        : client.readStream(stream, { ...shared, ...(flags.from === undefined ? {} : { from: flags.from }) });
    for await (const event of events) await printer.print(event);
  });
}

function consistencyOf({ local, atLeast }: ReadFlags): Consistency {
  if (atLeast === undefined) return local === true ? 'local' : 'linearizable';
  if (local === true) throw new CommandFailure('--local and --at-least exclude each other', EXIT.usage);
  return { atLeastPosition: atLeast };
}

function startOf({ from, fromTime }: ReadFlags): { from?: number | Date } {
  if (fromTime === undefined) return from === undefined ? {} : { from };
  if (from !== undefined) throw new CommandFailure('--from and --from-time exclude each other', EXIT.usage);
  const time = new Date(fromTime);
  if (Number.isNaN(time.getTime())) throw new CommandFailure('--from-time: not a time in ISO 8601', EXIT.usage);
  return { from: time };
}
