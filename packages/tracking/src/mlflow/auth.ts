import { FairleadError } from '@fairlead/core';

/** How a client says who it is. `'none'`: it does not, whatever the environment says. */
export type MlflowAuth = { readonly username: string; readonly password: string } | { readonly token: string } | 'none';

/** Credentials as they are sent. */
export interface Credentials {
  /** The value of the `Authorization` header. */
  readonly header?: string;
  /** A text without the secrets that may be in it. */
  redact(text: string): string;
}

function base64(text: string): string {
  let binary = '';
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** The variables that MLflow's own client reads: a name with a password wins over a token. */
export function authFromEnvironment(): MlflowAuth {
  const env = (globalThis as { process?: { env?: Readonly<Record<string, string | undefined>> } }).process?.env ?? {};
  const { MLFLOW_TRACKING_USERNAME: username, MLFLOW_TRACKING_PASSWORD: password, MLFLOW_TRACKING_TOKEN: token } = env;
  if (username && password) return { username, password };
  return token ? { token } : 'none';
}

function isHeaderSafe(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

/** @throws FairleadError `INVALID_OPTION`, which never shows what was given */
export function createCredentials(auth: MlflowAuth): Credentials {
  if (auth === 'none') return { redact: (text) => text };
  const secrets: string[] = [];
  let header: string;
  if ('token' in auth) {
    if (!isHeaderSafe(auth.token)) {
      throw new FairleadError(
        'INVALID_OPTION',
        'createMlflowClient: auth.token must be printable ASCII, with no space.',
        {
          details: { field: 'auth.token', expected: 'printable ASCII', given: 'a text that no header can carry' },
        },
      );
    }
    header = `Bearer ${auth.token}`;
    secrets.push(auth.token);
  } else {
    const pair = base64(`${auth.username}:${auth.password}`);
    header = `Basic ${pair}`;
    secrets.push(pair, auth.password);
  }
  return {
    header,
    redact: (text) => secrets.filter(Boolean).reduce((clean, secret) => clean.replaceAll(secret, '[secret]'), text),
  };
}
