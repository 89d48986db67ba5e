/**
 * `graveyar dev-cluster`: three members on this machine with one command, for trying things out. Each is a process of its own, so
 * that it can be killed; one that dies is not started again, unless asked for. Ends when none is left.
 */
import { Option } from 'commander';
import type { Command } from 'commander';
import { EXIT } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';
import { countArgument } from '../server-address.ts';
import type { Terminal } from '../terminal.ts';
import { startMemberProcess } from './member-process.ts';
import type { MemberExit, MemberPlan, MemberProcess } from './member-process.ts';

interface DevClusterFlags {
  readonly directory: string;
  readonly members: number;
  readonly port: number;
  readonly restart?: boolean;
}

const HELP = `
Member 1 serves clients on --port, the others on the ports 10, 20, … above; each has its metrics on the next port and is
reached by the other members on the one after. The data stays: the next start goes on with it.

Examples:
  graveyar dev-cluster
  graveyar cluster members
  kill -9 <pid of the leader>, and look again

The addresses are printed when the members serve. Ctrl-C, or closing the terminal, stops all of them, one after the other; when none
is left, this ends with what the first of them failed with.`;

const HOST = '127.0.0.1';
const MOST_MEMBERS = 7;
/** From member to member. */
const PORT_STEP = 10;
const RESTART_MILLIS = 1_000;

/** Adds the command. */
export function addDevClusterCommand(program: Command, terminal: Terminal): void {
  program
    .command('dev-cluster')
    .description('run a cluster of three members on this machine')
    .addOption(new Option('--directory <path>', 'where the data lives').default('./dev-cluster'))
    .addOption(new Option('--members <count>', 'how many').argParser(countArgument).default(3))
    .addOption(new Option('--port <number>', 'port of the first member').argParser(countArgument).default(4000))
    .option('--restart', 'start a member again a second after it died')
    .addHelpText('after', HELP)
    .action((flags: DevClusterFlags) => devCluster(flags, terminal));
}

type State = 'starting' | 'serving' | 'ended';

async function devCluster(flags: DevClusterFlags, terminal: Terminal): Promise<void> {
  const plans = planMembers(flags);
  const running = new Map<string, MemberProcess>();
  const states = new Map<string, State>();
  const failed: { first: MemberExit | null } = { first: null };
  const { stdout, interrupted } = terminal;
  const width = Math.max(...plans.map(({ name }) => name.length));
  const noneLeft = Promise.withResolvers<undefined>();
  let told = false;
  const print = (name: string, line: string): void => {
    stdout.write(`${name.padEnd(width)} | ${line}\n`);
  };
  const enter = (name: string, state: State): void => {
    states.set(name, state);
    const all = plans.map((plan) => states.get(plan.name) ?? 'starting');
    if (all.every((each) => each === 'ended')) noneLeft.resolve(undefined);
    if (told || all.includes('starting') || !all.includes('serving')) return;
    told = true;
    const serving = plans.filter((plan) => states.get(plan.name) === 'serving');
    stdout.write(`export GRAVEYAR_ADDRESS=${serving.map(({ port }) => `${HOST}:${port}`).join(',')}\n`);
  };
  const start = (plan: MemberPlan): void => {
    const { name } = plan;
    const member = startMemberProcess(plan, terminal.environment, (line) => {
      print(name, line);
    });
    running.set(name, member);
    enter(name, 'starting');
    print(name, `started, process ${member.pid}, clients at ${HOST}:${plan.port}`);
    void member.serving.then(() => {
      enter(name, 'serving');
    });
    void member.exited.then((exit) => {
      running.delete(name);
      if (exit.code !== 0) failed.first ??= exit;
      print(name, `ended: ${exit.words}`);
      if (flags.restart !== true || interrupted.aborted) {
        enter(name, 'ended');
        return;
      }
      enter(name, 'starting');
      terminal.clock.setTimer(RESTART_MILLIS, () => {
        if (!interrupted.aborted) start(plan);
      });
    });
  };
  for (const plan of plans) start(plan);
  const stopped = new Promise<void>((resolve) => {
    if (interrupted.aborted) resolve();
    else interrupted.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([stopped, noneLeft.promise]);
  if (!interrupted.aborted && failed.first !== null) throw failureOf(failed.first);
  // One after the other, so that leadership is handed over while somebody is there to take it.
  for (const { name } of plans) await running.get(name)?.stop();
}

/** Of the command, whose members have all ended, this one as the first that did not end in order. */
function failureOf({ code, words }: MemberExit): CommandFailure {
  const known = Object.values(EXIT).find((each) => each === code) ?? EXIT.failed;
  return new CommandFailure(`no member is left; the first that failed ended: ${words}`, known);
}

function planMembers({ directory, members, port }: DevClusterFlags): MemberPlan[] {
  if (members < 1 || members > MOST_MEMBERS) {
    throw new CommandFailure(`--members: must be from 1 to ${MOST_MEMBERS}`, EXIT.usage);
  }
  if (port < 1 || port + MOST_MEMBERS * PORT_STEP > 65_535) {
    throw new CommandFailure('--port: must be from 1 to 65465', EXIT.usage);
  }
  const plans = Array.from({ length: members }, (_, at) => ({
    name: `node-${at + 1}`,
    directory: `${directory}/node-${at + 1}`,
    port: port + at * PORT_STEP,
    metricsPort: port + at * PORT_STEP + 1,
    peerPort: port + at * PORT_STEP + 2,
  }));
  const initialMembers = plans.map(({ name, peerPort }) => `${name}=${HOST}:${peerPort}`).join(',');
  return plans.map((plan) => ({ ...plan, host: HOST, initialMembers }));
}
