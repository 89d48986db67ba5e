// The architecture, held by a test: which folder may import which, what may appear where, how files look and are named.
// The rules are those of the design; a failure names the file and the rule.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { listFiles, parseSource, ROOT, visit } from './support/source-tree.ts';
import type { SourceFile } from './support/source-tree.ts';

/** What each folder of src may import, besides itself. `all` is the composition root. */
const ARROWS: Readonly<Record<string, readonly string[] | 'all'>> = {
  lib: [],
  domain: ['lib'],
  raft: ['lib'],
  storage: ['domain', 'raft', 'lib'],
  cluster: ['raft', 'storage', 'domain', 'lib', 'telemetry'],
  pipeline: ['cluster', 'storage', 'domain', 'lib', 'telemetry'],
  grpc: ['pipeline', 'cluster', 'domain', 'lib', 'telemetry'],
  client: ['grpc/gen', 'domain', 'lib'],
  config: ['domain', 'lib'],
  telemetry: ['domain', 'lib'],
  cli: 'all',
};

/** Likewise of operator; `/` stands for the files at its top. Nothing in src imports from it. */
const OPERATOR_ARROWS: Readonly<Record<string, readonly string[]>> = {
  api: ['src/lib'],
  resources: ['operator/api', 'src/lib'],
  plan: ['operator/api', 'operator/resources', 'src/lib'],
  kubernetes: ['src/lib', 'src/telemetry'],
  observe: ['kubernetes', 'plan', 'resources', 'api']
    .map((folder) => `operator/${folder}`)
    .concat('src/lib', 'src/client'),
  apply: ['observe', 'kubernetes', 'plan', 'resources', 'api']
    .map((folder) => `operator/${folder}`)
    .concat('src/lib', 'src/client'),
  controller: ['apply', 'observe', 'kubernetes', 'plan', 'resources', 'api']
    .map((folder) => `operator/${folder}`)
    .concat('src/lib', 'src/telemetry'),
  '/': ['operator', 'src/lib', 'src/config', 'src/telemetry'],
};

/** What may lie at the top, dot-files aside, besides what is not committed. */
const TOP_LEVEL = new Set(
  'package.json package-lock.json tsconfig.json Dockerfile LICENSE README.md proto src operator charts test'.split(' '),
);

const files = listFiles();
const generated = (path: string): boolean => path.includes('/gen/');
const sources = files.filter((path) => /^(src|test|operator)\/.*\.ts$/.test(path) && !generated(path)).map(parseSource);
const product = sources.filter(({ path }) => path.startsWith('src/'));
const operator = sources.filter(({ path }) => path.startsWith('operator/'));
/** Everything that is run by users. */
const shipped = [...product, ...operator];

function folderOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function mayImport(from: SourceFile, to: string): boolean {
  if (!to.startsWith('src/')) return false;
  const here = folderOf(from.path);
  if (here === 'main.ts' || folderOf(to) === here) return true;
  const allowed = ARROWS[here];
  return allowed === 'all' || (allowed ?? []).some((folder) => to.startsWith(`src/${folder}/`));
}

function operatorMayImport(from: SourceFile, to: string): boolean {
  const parts = from.path.split('/');
  const here = parts.length === 2 ? '/' : (parts[1] ?? '');
  if (here !== '/' && to.startsWith(`operator/${here}/`)) return true;
  return (OPERATOR_ARROWS[here] ?? []).some((folder) => to.startsWith(`${folder}/`));
}

/** `file: what` for every node of the files that `find` names. */
function findAll(among: readonly SourceFile[], find: (node: ts.Node) => string | null): string[] {
  return among.flatMap(({ path, tree }) => {
    const found: string[] = [];
    visit(tree, (node) => {
      const what = find(node);
      if (what !== null) found.push(`${path}:${tree.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${what}`);
    });
    return found;
  });
}

/** The importers of a package, as paths. */
function importersOf(name: string): string[] {
  return sources
    .filter(({ imports }) => imports.some((specifier) => specifier === name || specifier.startsWith(`${name}/`)))
    .map(({ path }) => path);
}

describe('imports', () => {
  it('sees the project', () => {
    expect(product.length).toBeGreaterThan(20);
    expect(product.flatMap(({ imports }) => imports).filter((to) => to.startsWith('src/')).length).toBeGreaterThan(20);
  });

  it('follow the arrows between the folders', () => {
    const crossing = product.flatMap((from) =>
      from.imports
        .filter((to) => /^(src|test|operator)\//.test(to) && !mayImport(from, to))
        .map((to) => `${from.path} -> ${to}`),
    );
    expect(crossing).toEqual([]);
  });

  it('name a folder of the design', () => {
    const folders = new Set(product.map(({ path }) => folderOf(path)));
    expect([...folders].filter((folder) => folder !== 'main.ts' && !(folder in ARROWS))).toEqual([]);
  });

  it('follow the arrows between the folders of the operator', () => {
    expect(operator.length).toBeGreaterThan(20);
    const crossing = operator.flatMap((from) =>
      from.imports
        .filter((to) => /^(src|test|operator)\//.test(to) && !operatorMayImport(from, to))
        .map((to) => `${from.path} -> ${to}`),
    );
    expect(crossing).toEqual([]);
  });

  it('exist, and end in .ts', () => {
    const broken = sources.flatMap(({ path, imports }) =>
      imports
        .filter((to) => /^(src|test|operator)\//.test(to))
        .filter((to) => !to.endsWith('.ts') || !existsSync(`${ROOT}/${to}`))
        .map((to) => `${path} -> ${to}`),
    );
    expect(broken).toEqual([]);
  });

  it('have no cycle, type-only imports included', () => {
    const graph = new Map(shipped.map(({ path, imports }) => [path, imports]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const walk = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
        return;
      }
      if (done.has(path)) return;
      for (const to of graph.get(path) ?? []) walk(to, [...trail, path]);
      done.add(path);
    };
    for (const path of graph.keys()) walk(path, []);
    expect(cycles).toEqual([]);
  });

  it('keep node:* out of the pure folders', () => {
    const impure = shipped
      .filter(({ path }) => /^(src\/(domain|raft)|operator\/(api|plan))\//.test(path))
      .flatMap(({ path, imports }) => imports.filter((to) => to.startsWith('node:')).map((to) => `${path} -> ${to}`));
    expect(impure).toEqual([]);
  });

  it('reach the RocksDB binding through one file', () => {
    const users = importersOf('rocksdb-native');
    expect(users.filter((path) => path !== 'src/storage/rocks/binding.ts')).toEqual([]);
  });

  it("reach Kubernetes' client through one folder, but for its types", () => {
    const used = operator.flatMap(({ path, tree }) => {
      const statements = tree.statements.filter(ts.isImportDeclaration);
      const values = statements.filter(
        ({ moduleSpecifier, importClause }) =>
          moduleSpecifier.getText(tree).includes('@kubernetes/') &&
          importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword,
      );
      return values.length > 0 ? [path] : [];
    });
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((path) => !path.startsWith('operator/kubernetes/'))).toEqual([]);
    expect(importersOf('@kubernetes/client-node').filter((path) => path.startsWith('src/'))).toEqual([]);
  });

  it('keep grpc-js to the wire and the SDK', () => {
    const users = shipped
      .filter(({ imports }) => imports.some((to) => to.startsWith('@grpc/')))
      .map(({ path }) => path);
    expect(users.filter((path) => !/^src\/(grpc|client)\//.test(path))).toEqual([]);
  });

  it('never lead from the product into the tests', () => {
    expect(shipped.flatMap(({ imports }) => imports).filter((to) => to.startsWith('test/'))).toEqual([]);
  });

  it('name only packages that package.json lists', () => {
    const manifest = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')) as Record<string, Record<string, string>>;
    const known = new Set(Object.keys({ ...manifest['dependencies'], ...manifest['devDependencies'] }));
    const runtime = new Set(Object.keys(manifest['dependencies'] ?? {}));
    const unknown = sources.flatMap(({ path, imports }) =>
      imports
        .filter((to) => !/^(src|test|operator)\/|^node:/.test(to))
        .map((to) => to.split('/', to.startsWith('@') ? 2 : 1).join('/'))
        .filter((name) => !(path.startsWith('test/') ? known : runtime).has(name))
        .map((name) => `${path} -> ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it('pin every package exactly', () => {
    const manifest = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')) as Record<string, Record<string, string>>;
    const loose = Object.entries({ ...manifest['dependencies'], ...manifest['devDependencies'] }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
    );
    expect(loose).toEqual([]);
  });
});

describe('time and chance', () => {
  const TIMERS = new Set(['setTimeout', 'setInterval', 'setImmediate']);
  const CLOCKS = new Set(['Date.now', 'performance.now', 'Math.random', 'process.hrtime', 'crypto.randomUUID']);
  const owners = new Set(['src/lib/clock.ts', 'src/lib/random.ts']);

  it('come only from src/lib/clock.ts and src/lib/random.ts', () => {
    const others = shipped.filter(({ path }) => !owners.has(path));
    const used = findAll(others, (node) => {
      if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && TIMERS.has(node.expression.text)) {
        return node.expression.text;
      }
      if (ts.isPropertyAccessExpression(node) && CLOCKS.has(node.getText())) return node.getText();
      if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0) {
        return 'new Date()';
      }
      return null;
    });
    expect(used).toEqual([]);
    expect(
      others.flatMap(({ path, imports }) => (imports.some((to) => to.startsWith('node:timers')) ? [path] : [])),
    ).toEqual([]);
  });
});

describe('files', () => {
  it('have names in kebab case, and none is a drawer for everything', () => {
    const odd = sources
      .map(({ path }) => path)
      .filter((path) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+(-[a-z]+)*){0,2}\.ts$/.test(path.split('/').at(-1) ?? ''));
    expect(odd).toEqual([]);
    expect(
      files.filter((path) => /(^|[/-])(utils?|helpers?|misc|common)([/.-]|$)/.test(path) && !generated(path)),
    ).toEqual([]);
  });

  it('stay under 500 lines, most of them far under', () => {
    const lengths = sources.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
    expect(lengths.filter(({ lines }) => lines >= 500)).toEqual([]);
    const ofProduct = lengths.filter(({ path }) => !path.startsWith('test/')).map(({ lines }) => lines);
    expect(ofProduct.sort((a, b) => a - b)[Math.floor(ofProduct.length / 2)]).toBeLessThanOrEqual(160);
  });

  it('open with a comment that says what they are', () => {
    const silent = sources.filter(({ text }) => !/^(#!.*\n)?\s*(\/\*\*?\s*\n? ?\*? ?\S|\/\/ \S)/.test(text));
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  it('document every function and class they export', () => {
    // The class that a file is named for has the file's opening comment.
    const namesFile = (name: string, path: string): boolean =>
      `-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.ts`.endsWith(
        `-${path.split('/').at(-1) ?? ''}`,
      );
    const bare = findAll(shipped, (node) => {
      const isDeclaration = ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node);
      if (!isDeclaration || !node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return null;
      if (ts.isClassDeclaration(node) && namesFile(node.name?.text ?? '', node.getSourceFile().fileName)) return null;
      return ts.getJSDocCommentsAndTags(node).length > 0 ? null : `${node.name?.text ?? 'default'} has no doc comment`;
    });
    expect(bare).toEqual([]);
  });

  it('have no test left alone or left out', () => {
    const marked = findAll(
      sources.filter(({ path }) => path.endsWith('.test.ts') || path.endsWith('.contract.ts')),
      (node) =>
        ts.isPropertyAccessExpression(node) &&
        /^(it|test|describe)$/.test(node.expression.getText()) &&
        /^(only|skip|todo|fails)$/.test(node.name.text)
          ? node.getText()
          : null,
    );
    expect(marked).toEqual([]);
  });

  it('lie under the top-level names of the design', () => {
    const top = new Set(files.map((path) => path.split('/')[0] ?? ''));
    expect([...top].filter((name) => !name.startsWith('.') && !TOP_LEVEL.has(name))).toEqual([]);
  });

  it('name no path of a machine and no package registry', () => {
    // Put together here, so that this file does not find itself.
    const paths = ['/wo' + 'rk/', '/ho' + 'me/', '/ro' + 'ot/', '/Use' + 'rs/'];
    const absolute = new RegExp(`(^|[\\s"'\`(=:])(${paths.join('|')})[a-z]`, 'm');
    const registry = new RegExp('registry\\.' + '(npmjs|yarnpkg)|"reso' + 'lved":');
    const texts = files
      .filter((path) => statSync(`${ROOT}/${path}`).size < 4_000_000)
      .map((path) => ({ path, text: readFileSync(`${ROOT}/${path}`, 'latin1') }));
    expect(texts.filter(({ text }) => absolute.test(text)).map(({ path }) => path)).toEqual([]);
    expect(texts.filter(({ text }) => registry.test(text)).map(({ path }) => path)).toEqual([]);
  });

  it('include the license, and a README in every folder of the source', () => {
    expect(readFileSync(`${ROOT}/LICENSE`, 'utf8')).toContain('Apache License');
    const folders = readdirSync(`${ROOT}/src`, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const missing = [...folders.map(({ name }) => `src/${name}/README.md`), 'operator/README.md'].filter(
      (path) => !existsSync(`${ROOT}/${path}`),
    );
    expect(missing.filter((path) => path !== 'src/lib/README.md')).toEqual([]);
  });
});
