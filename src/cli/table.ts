/**
 * Tables for people: columns as wide as their widest cell, numbers to the right. Knows nothing of what is shown.
 */

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Lines of a table, without a newline at the end. Every row has a cell for each column. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, at) =>
    rows.reduce((widest, row) => Math.max(widest, (row[at] ?? '').length), title.length),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, at) => {
        const cell = cells[at] ?? '';
        return align === 'right' ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0);
      })
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)].join('\n');
}

/** Text on one line of at most `width` characters, control characters shown as `\n`, `\t` or `\u0000`. */
export function oneLine(text: string, width: number): string {
  const shown = text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => JSON.stringify(character).slice(1, -1));
  return shown.length > width ? `${shown.slice(0, width - 1)}…` : shown;
}

/** `1234567` -> `1,234,567`. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
