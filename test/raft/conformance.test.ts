// Compatibility with etcd-raft 3.6, by its own public test data: scripts, quorums, configuration changes, random programs.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ChangeOutcome, enterJoint, leaveJoint, type Membership, simpleChange } from '../../src/raft/changer.ts';
import { EMPTY_CONF_STATE } from '../../src/raft/messages.ts';
import {
  type JointConfig,
  jointCommittedIndex,
  jointVoteResult,
  sortedIds,
  VoteResult,
} from '../../src/raft/quorum.ts';
import {
  hasConformanceData,
  readConfChangeFiles,
  readPrograms,
  readQuorumCases,
  readScripts,
  scriptCommands,
  scriptNames,
} from './conformance-data.ts';
import { parseSteps } from './harness/interaction-env.ts';
import { newTallies, runProgram } from './harness/program.ts';

/**
 * Stanzas that differ on purpose, as `script:step`, with the reason. None does: where this core is better than the original
 * (a committed configuration change that is impossible is skipped), the original ends its process, which no script shows.
 */
const DELIBERATE_DIFFERENCES: ReadonlyMap<string, string> = new Map();

const VOTE_RESULTS = new Map<number, string>([
  [VoteResult.Pending, 'VotePending'],
  [VoteResult.Lost, 'VoteLost'],
  [VoteResult.Won, 'VoteWon'],
]);

function idsOf(list: readonly string[] | undefined): readonly number[] {
  return sortedIds((list ?? []).filter((id) => id !== 'zero').map(Number));
}

/** Values in the order of the ids of both halves, each id once; `_` is no value. */
function assign(values: readonly string[], cfg: readonly string[], cfgj: readonly string[]): Map<number, string> {
  const ids = [...new Set([...cfg, ...cfgj].filter((id) => id !== 'zero').map(Number))];
  return new Map(ids.map((id, i): [number, string] => [id, values[i] ?? '_']).filter(([, value]) => value !== '_'));
}

function describeIds(ids: readonly number[]): string {
  return `(${ids.join(' ')})`;
}

/** A membership in the words of the data. */
function describeMembership({ confState, progress }: Membership): string[] {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  const config = [
    `voters=${describeIds(voters)}${votersOutgoing.length > 0 ? `&&${describeIds(votersOutgoing)}` : ''}`,
    ...(learners.length > 0 ? [`learners=${describeIds(learners)}`] : []),
    ...(learnersNext.length > 0 ? [`learners_next=${describeIds(learnersNext)}`] : []),
    ...(autoLeave ? ['autoleave'] : []),
  ].join(' ');
  const peers = sortedIds(progress.keys()).map((id) => {
    const peer = progress.get(id);
    return `${id}: StateProbe match=${peer?.match ?? -1} next=${peer?.next ?? -1}${peer?.isLearner === true ? ' learner' : ''}`;
  });
  return [config, ...peers];
}

const isThere = hasConformanceData();
const scripts = isThere ? readScripts() : [];

describe.skipIf(!isThere)('etcd-raft 3.6', () => {
  it('has 28 scripts with 558 stanzas, the same in both forms', () => {
    expect(scripts.map(({ id }) => id)).toEqual(scriptNames());
    expect(scripts).toHaveLength(28);
    expect(scripts.reduce((count, { steps }) => count + steps.length, 0)).toBe(558);
    for (const { id, steps } of scripts) {
      expect(scriptCommands(id).map((line) => line.split(' ')[0])).toEqual(steps.map(({ cmd }) => cmd));
    }
  });

  it.each(scripts.map((script) => [script.id, script] as const))('answers like it in %s', (_id, script) => {
    const tallies = newTallies();
    const failures = runProgram(script, tallies, false).filter(
      ({ id, step }) => !DELIBERATE_DIFFERENCES.has(`${id}:${step}`),
    );
    expect(failures).toEqual([]);
    for (const { passed, failed } of Object.values(tallies)) expect(passed + failed).toBe(script.steps.length);
  });

  it('answers like it in 20 random programs', () => {
    const tallies = newTallies();
    const failures = readPrograms().flatMap((program) => runProgram(program, tallies, true));
    expect(failures).toEqual([]);
    expect(tallies.L0.passed).toBe(217);
  });

  it('commits and counts votes like it in 127 cases', () => {
    const cases = readQuorumCases();
    expect(cases).toHaveLength(127);
    for (const test of cases) {
      const { cfg = [], cfgj = [] } = test;
      const config: JointConfig = { incoming: idsOf(cfg), outgoing: idsOf(cfgj) };
      let actual: string | undefined;
      if (test.cmd === 'committed') {
        const acked = assign(test.idx ?? [], cfg, cfgj);
        const index = jointCommittedIndex(config, (id) => (acked.has(id) ? Number(acked.get(id)) : undefined));
        actual = index === Infinity ? 'inf' : String(index);
      } else {
        const votes = new Map(
          [...assign(test.votes ?? [], cfg, cfgj)].map(([id, vote]) => [id, vote === 'y'] as const),
        );
        actual = VOTE_RESULTS.get(jointVoteResult(config, votes));
      }
      expect(actual, JSON.stringify(test)).toBe(test.expect);
    }
  });

  it('changes configurations like it in 58 steps', () => {
    const files = readConfChangeFiles();
    expect(files.reduce((count, { steps }) => count + steps.length, 0)).toBe(58);
    for (const { file, steps } of files) {
      let membership: Membership = { confState: EMPTY_CONF_STATE, progress: new Map() };
      steps.forEach(({ cmd, input, expect: expected }, lastIndex) => {
        const defaults = { lastIndex, maxInflightMsgs: 10, maxInflightBytes: Infinity };
        const changes = parseSteps(input);
        let outcome: ChangeOutcome;
        if (cmd === 'simple') outcome = simpleChange(membership, changes, defaults);
        else if (cmd === 'leave-joint') outcome = leaveJoint(membership, defaults);
        else outcome = enterJoint(membership, changes, cmd.endsWith('autoleave=true'), defaults);
        if (outcome.ok) ({ membership } = outcome);
        const actual = outcome.ok ? describeMembership(outcome.membership) : [outcome.reason];
        expect(actual, `${file} step ${lastIndex}: ${cmd} ${input}`).toEqual(expected);
      });
    }
  });
});

describe('run-programs', () => {
  const script = new URL('run-programs.ts', import.meta.url).pathname;

  function run(lines: readonly string[]): { status: number | null; output: string } {
    const folder = mkdtempSync(join(tmpdir(), 'raft-programs-'));
    try {
      const file = join(folder, 'programs.jsonl');
      writeFileSync(file, lines.join('\n'));
      const { status, stdout } = spawnSync(process.execPath, [script, file], { encoding: 'utf8', timeout: 60_000 });
      return { status, output: stdout };
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  const addNodes = { cmd: 'add-nodes', args: ['1', 'voters=1', 'index=2'] };

  it('exits 1 when it compared nothing', () => {
    expect(run([JSON.stringify({ id: 'a', steps: [addNodes] })]).status).toBe(1);
  });

  it('exits 1 and tells what differs when a node differs', () => {
    const { status, output } = run([
      JSON.stringify({ id: 'a', steps: [{ ...addNodes, after: { net: [], nodes: [] } }] }),
    ]);
    expect(status).toBe(1);
    expect(JSON.parse(output)).toMatchObject({
      programs: 1,
      L0: { passed: 0, failed: 1 },
      failures: [{ id: 'a', step: 0 }],
    });
  });

  it('exits 1 for a file that is not there', () => {
    expect(spawnSync(process.execPath, [script, 'no-such-file'], { encoding: 'utf8' }).status).toBe(1);
  });
});
