/**
 * The table of a chart's values for its README: what there is and what it is from the schema, its default from values.yaml.
 */

/** The part of JSON Schema that is used. */
export interface ValuesSchema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, ValuesSchema>>;
}

/** Taken as Kubernetes has them, and described there. */
const AS_IN_KUBERNETES = new Set(['affinity']);

/** A Markdown table with a row for every value that has no parts. Throws when one is not described. */
export function valuesTable(schema: ValuesSchema, defaults: Readonly<Record<string, unknown>>): string {
  const rows = rowsOf(schema, defaults, []);
  return ['| Value | Default | What it is |', '| --- | --- | --- |', ...rows].join('\n');
}

function rowsOf(schema: ValuesSchema, defaults: unknown, path: readonly string[]): string[] {
  const given = new Map(isMapping(defaults) ? Object.entries(defaults) : []);
  return Object.entries(schema.properties ?? {}).flatMap(([key, described]) => {
    const here = [...path, key].join('.');
    if (here === 'global') return [];
    if (described.description === undefined) throw new Error(`${here}: a value without a description`);
    const fallback = given.get(key);
    if (described.properties !== undefined && !AS_IN_KUBERNETES.has(key))
      return rowsOf(described, fallback, [...path, key]);
    const shown = fallback === undefined ? '' : `\`${JSON.stringify(fallback)}\``;
    return [`| \`${here}\` | ${shown} | ${escaped(described.description)} |`];
  });
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
