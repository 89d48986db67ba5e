/** What an end-to-end run tells of each of its phases, for people and, as JSON, for programs. */

export interface PhaseReport {
  readonly name: string;
  readonly seconds: number;
  readonly acknowledged: number;
  readonly lost: number;
  readonly duplicated: number;
  /** The longest time in which no append was acknowledged. */
  readonly longestGapMillis: number;
  /** What else there is to tell of it. */
  readonly notes: readonly string[];
  /** What went wrong; empty when nothing did. */
  readonly failure: string;
}

export interface Report {
  readonly form: 'short' | 'full';
  readonly kubernetes: string;
  readonly startSeconds: number;
  readonly imageBytes: number;
  readonly phases: readonly PhaseReport[];
}

const COLUMNS = ['phase', 'seconds', 'acknowledged', 'lost', 'duplicated', 'longest gap'];

/** True when every phase ended well. */
export function isGood(report: Report): boolean {
  return report.phases.length > 0 && report.phases.every(({ failure }) => failure === '');
}

/** The report as a table, with notes and failures below. */
export function formatReport({ phases, imageBytes }: Report): string {
  const total = phases.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  const rows = phases.map((phase) => [
    `${phase.name}${phase.failure === '' ? '' : ' FAILED'}`,
    phase.seconds.toFixed(0),
    String(phase.acknowledged),
    String(phase.lost),
    String(phase.duplicated),
    `${(phase.longestGapMillis / 1000).toFixed(1)} s`,
  ]);
  const all = [COLUMNS, ...rows];
  const widths = COLUMNS.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ');
  const failures = phases.filter(({ failure }) => failure !== '').map(({ name, failure }) => `${name}: ${failure}`);
  const notes = phases.flatMap(({ name, notes: lines }) => lines.map((text) => `${name}: ${text}`));
  const image = `the image has ${(imageBytes / 1e6).toFixed(0)} MB`;
  return [...all.map(line), `${total} appends acknowledged`, image, ...notes, ...failures].join('\n');
}
