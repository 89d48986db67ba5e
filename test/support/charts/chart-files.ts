/**
 * The files of the charts that are made from something else: the definition of the custom resource, the schemas of values, and the
 * tables of values in the READMEs. Writes nothing.
 */
import { readFileSync } from 'node:fs';
import { format } from 'prettier';
import { parse } from 'yaml';
import { z } from 'zod';
import { customResourceDefinition } from '../../../operator/api/custom-resource-definition.ts';
import { clusterValues } from './cluster-values.ts';
import { operatorValues } from './operator-values.ts';
import { valuesTable } from './values-table.ts';
import type { ValuesSchema } from './values-table.ts';

const CHARTS = { 'graveyar-db-operator': operatorValues, 'graveyar-db': clusterValues };
const STYLE = { printWidth: 120, singleQuote: true };
const BEGIN = '<!-- The table is made by npm run generate. -->';
const END = '<!-- End of the table. -->';

/** What each of these files should hold, by its path from the top. `root` ends with a slash. */
export async function chartFiles(root: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const definition = JSON.stringify(customResourceDefinition());
  files.set('charts/graveyar-db-operator/files/graveyarclusters.json', await json(definition));
  for (const [name, values] of Object.entries(CHARTS)) {
    const folder = `charts/${name}`;
    const schema = valuesSchema(values);
    files.set(`${folder}/values.schema.json`, await json(JSON.stringify(schema)));
    const defaults = parse(readFileSync(`${root}${folder}/values.yaml`, 'utf8')) as Record<string, unknown>;
    const readme = readFileSync(`${root}${folder}/README.md`, 'utf8');
    const table = valuesTable(schema, defaults);
    files.set(`${folder}/README.md`, await format(withTable(readme, table), { ...STYLE, parser: 'markdown' }));
  }
  return files;
}

function json(text: string): Promise<string> {
  return format(text, { ...STYLE, parser: 'json' });
}

/** JSON Schema of the values. What is not a value is refused, so that a misspelt one is not ignored. */
function valuesSchema(values: z.ZodType): ValuesSchema {
  const schema = z.toJSONSchema(values, {
    target: 'draft-07',
    io: 'input',
    reused: 'inline',
    override: ({ jsonSchema }) => {
      const node: Record<string, unknown> = jsonSchema;
      for (const key of Object.keys(node)) if (key.startsWith('x-kubernetes-')) Reflect.deleteProperty(node, key);
      if (node['properties'] !== undefined) node['additionalProperties'] ??= false;
      if (node['maximum'] === Number.MAX_SAFE_INTEGER) delete node['maximum'];
      if (node['minimum'] === Number.MIN_SAFE_INTEGER) delete node['minimum'];
    },
  }) as ValuesSchema;
  // Of a chart that has this one as its part.
  const global = { type: 'object', description: 'Values that all charts of a release share; not used.' };
  return { ...schema, properties: { ...schema.properties, global } };
}

function withTable(readme: string, table: string): string {
  const from = readme.indexOf(BEGIN);
  const to = readme.indexOf(END);
  if (from < 0 || to < from) throw new Error(`a chart's README has no "${BEGIN}" … "${END}" for its table of values`);
  return `${readme.slice(0, from)}${BEGIN}\n\n${table}\n\n${readme.slice(to)}`;
}
