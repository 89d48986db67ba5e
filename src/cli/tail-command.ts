/**
 * `graveyar tail`: what comes next, as it comes.
 */
import type { Command } from 'commander';
import type { SubscriptionTarget } from '../client/index.ts';
import { createEventPrinter } from './event-printer.ts';
import { EXIT } from './exit-code.ts';
import { CommandFailure } from './failure.ts';
import { addFilterFlags, filterOf } from './filter-flags.ts';
import type { FilterFlags } from './filter-flags.ts';
import { addServerFlags, countArgument, withClient } from './server-address.ts';
import type { ServerFlags } from './server-address.ts';
import type { Terminal } from './terminal.ts';

interface TailFlags extends ServerFlags, FilterFlags {
  readonly after?: number;
  readonly fromStart?: boolean;
  readonly limit?: number;
  readonly json?: boolean;
}

const HELP = `
Without a stream it follows the whole store. Goes on by itself when the server was away; ends with Ctrl-C.

Examples:
  graveyar tail
  graveyar tail orders-1 --from-start
  graveyar tail --after 1000 --type order-placed --json
  graveyar tail --stream-prefix orders- --limit 10`;

/** Adds the command. */
export function addTailCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('tail')
    .description('follow a stream, or the whole store')
    .argument('[stream]', 'id of the stream')
    .option('--from-start', 'begin with the first event')
    .option(
      '--after <number>',
      'begin after this revision (of a stream) or position (of the whole store)',
      countArgument,
    )
    .option('--limit <count>', 'end after so many events', countArgument)
    .option('--json', 'print one JSON object a line, in the form that import takes')
    .addHelpText('after', HELP);
  addServerFlags(addFilterFlags(command)).action((stream: string | undefined, flags: TailFlags) =>
    tail(stream, flags, terminal),
  );
}

async function tail(stream: string | undefined, flags: TailFlags, terminal: Terminal): Promise<void> {
  const target = targetOf(stream, flags);
  const printer = createEventPrinter(terminal, flags.json === true);
  const { interrupted } = terminal;
  let left = flags.limit ?? Infinity;
  if (left === 0) return;
  await withClient(flags, terminal, async (client) => {
    try {
      for await (const event of client.subscribe(target, { signal: interrupted })) {
        await printer.print(event);
        if (--left === 0) return;
      }
    } catch (error) {
      if (!interrupted.aborted) throw error;
    }
  });
}

function targetOf(stream: string | undefined, flags: TailFlags): SubscriptionTarget {
  if (flags.fromStart === true && flags.after !== undefined) {
    throw new CommandFailure('--from-start and --after exclude each other', EXIT.usage);
  }
  const filter = filterOf(flags, stream);
  const start = flags.fromStart === true ? {} : { after: flags.after ?? ('end' as const) };
  if (stream !== undefined) return { stream, ...start };
  return filter === null ? start : { filter, ...start };
}
