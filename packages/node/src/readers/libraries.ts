import { FairleadError, messageOf } from '@fairlead/core';
import type * as Arrow from 'apache-arrow';
import type * as Csv from 'csv-parse';
import type * as Parquet from 'hyparquet';
import type * as Compressors from 'hyparquet-compressors';

interface Libraries {
  'csv-parse': typeof Csv;
  'apache-arrow': typeof Arrow;
  hyparquet: typeof Parquet;
  'hyparquet-compressors': typeof Compressors;
}

const imports: { readonly [Name in keyof Libraries]: () => Promise<unknown> } = {
  'csv-parse': () => import('csv-parse'),
  'apache-arrow': () => import('apache-arrow'),
  hyparquet: () => import('hyparquet'),
  'hyparquet-compressors': () => import('hyparquet-compressors'),
};

/** Libraries that one reader needs beside each other. */
const needed: Readonly<Record<keyof Libraries, string>> = {
  'csv-parse': 'csv-parse',
  'apache-arrow': 'apache-arrow',
  hyparquet: 'hyparquet',
  'hyparquet-compressors': 'hyparquet hyparquet-compressors',
};

/**
 * Imports a library that reads a format, all of which are optional peer dependencies, when it is first used.
 *
 * @param importModule for tests
 * @throws FairleadError `BACKEND_UNAVAILABLE` that says how to install it
 */
export async function loadLibrary<Name extends keyof Libraries>(
  name: Name,
  importModule: () => Promise<unknown> = imports[name],
): Promise<Libraries[Name]> {
  try {
    return (await importModule()) as Libraries[Name];
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException | undefined)?.code;
    const message = messageOf(cause);
    const absent = (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && message.includes(`'${name}'`);
    const text = absent
      ? `The package ${name} is not installed. Run \`npm install ${needed[name]}\`.`
      : `${name} is installed but does not load here: ${message}`;
    throw new FairleadError('BACKEND_UNAVAILABLE', text, { cause });
  }
}
