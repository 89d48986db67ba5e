/**
 * `graveyar cluster …`: the members of a store, how they are, and changing them.
 */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { GraveyarError } from '../../client/index.ts';
import type { CallOptions, ClusterMember, ClusterState, GraveyarClient } from '../../client/index.ts';
import { EXIT } from '../exit-code.ts';
import { CommandFailure } from '../failure.ts';
import { addServerFlags, durationArgument, withClient } from '../server-address.ts';
import type { ServerFlags } from '../server-address.ts';
import { grouped, renderTable } from '../table.ts';
import { write, writeJson } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';
import { nameOf, onceCaughtUp } from './catch-up.ts';
import { statusText } from './status-text.ts';

interface ClusterFlags extends ServerFlags {
  readonly json?: boolean;
  readonly wait?: number;
}

/** How long `status` waits for the leader's view. */
const LEADER_MILLIS = 3_000;

/** How long a learner is waited for: what it lacks may be the whole store. */
const WAIT_MILLIS = 10 * 60_000;

/** Names a member: its name or its id. */
const MEMBER = '<member>';

const HELP = `
A member is named by its name or its id. Any member can be asked; changes are made by the leader.
promote and replace wait until the learner has caught up, and say on standard error how far it is; Ctrl-C ends the waiting.
"found" makes a cluster of the one member at the address, which was started with --wait-for-cluster.
"status" calls a member healthy that the leader has heard of within an election timeout, that is not being sent a snapshot and is
at most 1000 entries behind. On Kubernetes, the GraveyarCluster resource asks for a ready pod and a volume that stays as well.

Examples:
  graveyar cluster members
  graveyar cluster transfer node-2
  graveyar cluster add-learner 10.0.0.4:4002 && graveyar cluster promote node-4
  graveyar cluster replace node-2 node-4`;

/** Adds the command and its subcommands. */
export function addClusterCommand(program: Command, terminal: Terminal): void {
  const cluster = program.command('cluster').description('look at and change the members of a store');
  cluster.addHelpText('after', HELP);
  const add = (usage: string, description: string, run: Run, waits = false): void => {
    const command = cluster.command(usage).description(description).option('--json', 'print JSON');
    if (waits) command.option('--wait <duration>', 'wait so long for the learner (default: 10m)', durationArgument);
    addServerFlags(command).action((...given: unknown[]) => {
      // Commander passes the arguments, then the flags, then the command.
      const flags = given.at(-2) as ClusterFlags;
      const args = given.slice(0, -2).filter((arg) => arg !== undefined) as string[];
      return withClient(flags, terminal, (client) => {
        const waitMillis = flags.wait ?? WAIT_MILLIS;
        const caughtUp: CaughtUp = (learner, change) =>
          onceCaughtUp({ cluster: client.cluster, learner, terminal, waitMillis }, change);
        const print = printer(terminal, flags.json === true);
        return run(client, args, print, caughtUp).catch((error: unknown) => inNames(client, error));
      });
    });
  };
  add('status', 'the cluster: its leader, its members and how they are; and the member that is asked', showStatus);
  add('members', 'the members, as the leader sees them', showMembers);
  add('watch', 'the status of one member at every change', watch);
  add('found [cluster-id]', 'make a cluster of the one member that is asked, which waits for one', found);
  add('add-learner <host:port>', 'add who listens for members there, without a vote', addLearner);
  add(`promote ${MEMBER}`, 'give a learner a vote, once it has caught up', promote, true);
  add(`remove ${MEMBER}`, 'take a member out of the cluster', async (client, [name = ''], print) => {
    const { id } = await find(client, name);
    await client.cluster.remove(id);
    await print.done({ removed: id }, `${name} was removed`);
  });
  add(
    'replace <old> <new>',
    'give the vote of one member to a learner in one step, once it has caught up',
    replace,
    true,
  );
  add('transfer [member]', 'hand leadership to a member, or to the one that is furthest on', transfer);
}

/** Makes a change that gives a learner a vote, once it has caught up. */
type CaughtUp = (learner: ClusterMember, change: (options: CallOptions) => Promise<void>) => Promise<void>;

type Run = (client: GraveyarClient, args: readonly string[], print: Print, caughtUp: CaughtUp) => Promise<void>;

/** Prints for people or for programs. */
interface Print {
  readonly json: boolean;
  /** A result that is one sentence. */
  done(value: unknown, sentence: string): Promise<void>;
  value(value: unknown): Promise<void>;
  text(text: string): Promise<void>;
}

function printer({ stdout }: Terminal, json: boolean): Print {
  return {
    json,
    done: (value, sentence) => (json ? writeJson(stdout, value) : write(stdout, `${sentence}\n`)),
    value: (value) => writeJson(stdout, value),
    text: (text) => write(stdout, `${text}\n`),
  };
}

async function showStatus(client: GraveyarClient, _: readonly string[], print: Print): Promise<void> {
  const own = await client.cluster.status();
  // How the others are, only the leader knows.
  const seen = own.leaderId === null ? null : await leadersView(client);
  const state = { ...own, members: seen ?? own.members };
  if (print.json) await print.value(state);
  else await print.text(statusText(state));
}

/** The members as the leader sees them, or null when it does not say so soon. */
function leadersView(client: GraveyarClient): Promise<readonly ClusterMember[] | null> {
  return client.cluster.members({ deadlineMillis: LEADER_MILLIS }).catch((error: unknown) => {
    if (error instanceof GraveyarError) return null;
    throw error;
  });
}

async function showMembers(client: GraveyarClient, _: readonly string[], print: Print): Promise<void> {
  const members = await client.cluster.members();
  if (print.json) await print.value(members);
  else await print.text(membersText(members));
}

async function watch(client: GraveyarClient, _: readonly string[], print: Print): Promise<void> {
  for await (const state of client.cluster.watch()) {
    if (print.json) await print.value(state);
    else await print.text(watchLine(state));
  }
}

async function found(client: GraveyarClient, [given]: readonly string[], print: Print): Promise<void> {
  const clusterId = given ?? randomUUID();
  const { memberId } = await client.cluster.status();
  await client.cluster.found(clusterId, memberId);
  await print.done({ clusterId, memberId }, `member ${memberId} is the cluster ${clusterId}`);
}

async function addLearner(client: GraveyarClient, [address = '']: readonly string[], print: Print): Promise<void> {
  const member = await client.cluster.addLearner(address);
  await print.done(member, `${member.name} (${member.id}) is a ${member.role}`);
}

async function promote(
  client: GraveyarClient,
  [name = '']: readonly string[],
  print: Print,
  caughtUp: CaughtUp,
): Promise<void> {
  const learner = await find(client, name, isLearner);
  await caughtUp(learner, (options) => client.cluster.promote(learner.id, options));
  await print.done({ promoted: learner.id }, `${name} has a vote`);
}

async function replace(
  client: GraveyarClient,
  [old = '', next = '']: readonly string[],
  print: Print,
  caughtUp: CaughtUp,
): Promise<void> {
  // A member that lost its disk may be there twice under its name: as it was, and as the learner that it is now.
  const from = await find(client, old, (member) => !isLearner(member));
  const to = await find(client, next, isLearner);
  if (from.id === to.id) throw new CommandFailure(`${nameOf(from)} cannot take its own place`, EXIT.usage);
  if (isLearner(from)) throw new CommandFailure(`${nameOf(from)} is a learner, and has no vote to give`, EXIT.conflict);
  if (!isLearner(to)) throw new CommandFailure(`${nameOf(to)} is no learner: it has a vote of its own`, EXIT.conflict);
  await caughtUp(to, (options) => client.cluster.replace(from.id, to.id, options));
  await print.done({ removed: from.id, promoted: to.id }, `${next} has the vote of ${old}, which was removed`);
}

function isLearner({ role }: ClusterMember): boolean {
  return role === 'learner';
}

async function transfer(client: GraveyarClient, [name]: readonly string[], print: Print): Promise<void> {
  const id = name === undefined ? null : (await find(client, name)).id;
  await client.cluster.transferLeadership(id);
  const leader = (await client.cluster.members()).find(({ role }) => role === 'leader');
  await print.done({ leader: leader?.id ?? null }, `${leader?.name ?? 'another member'} leads`);
}

/** The member with this name or id. Of several with the name, the one that is preferred. */
async function find(
  client: GraveyarClient,
  name: string,
  preferred: (member: ClusterMember) => boolean = () => true,
): Promise<ClusterMember> {
  const members = await client.cluster.members();
  const named = members.filter((member) => member.name === name || String(member.id) === name);
  const found = named.find(preferred) ?? named[0];
  if (found !== undefined) return found;
  const names = members.map((member) => member.name).join(', ');
  throw new CommandFailure(`there is no member ${name}; the members are ${names}`, EXIT.notFound);
}

/** Rejects with the error; a refusal says who is meant by the ids in it. */
async function inNames(client: GraveyarClient, error: unknown): Promise<never> {
  if (!(error instanceof GraveyarError) || error.code !== 'MEMBERSHIP_REFUSED') throw error;
  const members = (await leadersView(client)) ?? [];
  const message = error.message.replace(/\bmember (\d+)\b/g, (text, id: string) => {
    const member = members.find((one) => String(one.id) === id);
    return member === undefined ? text : nameOf(member);
  });
  throw new CommandFailure(message, EXIT.conflict, { cause: error });
}

function membersText(members: readonly ClusterMember[]): string {
  const columns = [
    { title: 'name' },
    { title: 'id', align: 'right' as const },
    { title: 'role' },
    { title: 'state' },
    { title: 'log', align: 'right' as const },
    { title: 'clients' },
    { title: 'members' },
  ];
  const rows = members.map((member) => [
    member.name,
    String(member.id),
    member.role,
    stateText(member),
    member.matchIndex === null ? '' : grouped(member.matchIndex),
    member.clientAddress,
    member.peerAddress,
  ]);
  return renderTable(columns, rows);
}

function stateText({ active, outgoing, snapshotting }: ClusterMember): string {
  if (active === null) return 'unknown';
  if (!active) return 'unreachable';
  if (snapshotting === true) return 'receiving a snapshot';
  return outgoing ? 'leaving' : 'active';
}

function watchLine(state: ClusterState): string {
  const leader = state.members.find(({ id }) => id === state.leaderId)?.name ?? 'none';
  const { role, term, commitIndex, appliedIndex, events, members } = state;
  const names = members.map((member) => `${member.name}:${member.role}`).join(' ');
  return `${role} term ${term} leader ${leader} committed ${commitIndex} applied ${appliedIndex} events ${events} [${names}]`;
}
