import { redacted, redactSecrets } from '../secrets';

/** Words in a name whose value is nobody's business. Of source code and variables, where a token is never a word. */
const secretName =
  '[\\w.-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|auth(?:orization)?|cookie|dsn|connection[_-]?string)[\\w.-]*';

/**
 * What is written as a secret's name and its value, and what is kept of it. Bounded repetitions only, so that no text makes
 * them slow.
 */
const assignments: readonly (readonly [RegExp, string])[] = [
  // `password = "…"`, `"api_key": "…"`.
  [
    new RegExp(
      `(["'\`]?\\b${secretName}["'\`]?\\s{0,5}(?::=|=>|[:=])\\s{0,5})("[^"\\n]{1,4000}"|'[^'\\n]{1,4000}'|\`[^\`\\n]{1,4000}\`|[^\\s,;&"'\`]{1,4000})`,
      'gi',
    ),
    `$1${redacted}`,
  ],
  // `--token …`.
  [new RegExp(`(--?${secretName}\\s{1,5})(?!-)([^\\s]{1,4000})`, 'gi'), `$1${redacted}`],
];

/**
 * Takes secrets out of source code and command lines: what {@link redactSecrets} knows, and values whose name says that
 * they are secret. What it cannot know it cannot take out: a password that stands alone stays.
 */
export function redactCode(text: string): string {
  return assignments.reduce((rest, [form, kept]) => rest.replace(form, kept), redactSecrets(text));
}

/** Whether the name of a variable or an option says that its value is a secret. */
export function isSecretVariable(name: string): boolean {
  return new RegExp(`^-{0,2}${secretName}$`, 'i').test(name);
}

/** Whether a file is known to hold secrets, by its name. */
export function isSecretFile(path: string): boolean {
  const name = path.split('/').at(-1) ?? '';
  return (
    /^\.env(\..+)?$|^\.npmrc$|^\.netrc$|^\.pypirc$|^\.htpasswd$|^id_(rsa|dsa|ecdsa|ed25519)$/i.test(name) ||
    /\.(pem|key|p12|pfx|jks|keystore|kdbx|ppk)$/i.test(name) ||
    /^(credentials|secrets?)(\.[\w]+)?$/i.test(name)
  );
}
