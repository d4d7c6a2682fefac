/** What stands in place of a secret. */
export const redacted = '[redacted]';

/** Words in a name whose value is nobody's business. */
const secretName =
  '[\\w.-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|auth(?:orization)?|cookie|dsn|connection[_-]?string)[\\w.-]*';

/**
 * Forms by which a secret is known, each with what is kept of it. Bounded repetitions only, so that no text makes them
 * slow.
 */
const forms: readonly (readonly [RegExp, string])[] = [
  // A private key, whole.
  [
    /-----BEGIN [A-Z ]{0,40}PRIVATE KEY( BLOCK)?-----[\s\S]{0,20000}?(-----END [A-Z ]{0,40}PRIVATE KEY( BLOCK)?-----|$)/g,
    redacted,
  ],
  // The user and password of a URL.
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/@'"<>]{1,500}@/gi, `$1${redacted}@`],
  // What an Authorization header carries.
  [/\b(bearer|basic)\s+[\w+/=.~-]{8,4000}/gi, `$1 ${redacted}`],
  // Tokens that begin in a known way: of clouds, code hosts, chat and model services, and web tokens.
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, redacted],
  [/\b(?:gh[pousr]|glpat|github_pat|npm|hf|dckr_pat|pypi)[_-][\w-]{16,300}/g, redacted],
  [/\bxox[abeoprs]-[\w-]{10,300}/g, redacted],
  [/\b(?:sk|pk|rk)[-_][\w-]{16,300}/g, redacted],
  [/\bAIza[\w-]{30,60}/g, redacted],
  [/\beyJ[\w-]{8,4000}\.[\w-]{4,8000}\.[\w-]{0,2000}/g, redacted],
  // A name that says it, and its value: `password = "…"`, `"api_key": "…"`, `--token …`.
  [
    new RegExp(
      `(["'\`]?\\b${secretName}["'\`]?\\s{0,5}(?::=|=>|[:=])\\s{0,5})("[^"\\n]{1,4000}"|'[^'\\n]{1,4000}'|\`[^\`\\n]{1,4000}\`|[^\\s,;&"'\`]{1,4000})`,
      'gi',
    ),
    `$1${redacted}`,
  ],
  [new RegExp(`(--?${secretName}\\s{1,5})(?!-)([^\\s]{1,4000})`, 'gi'), `$1${redacted}`],
];

/**
 * Takes secrets out of a text: private keys, credentials in URLs and headers, tokens of known forms, and values whose
 * name says that they are secret. What it cannot know it cannot take out: a password that stands alone stays.
 */
export function redactSecrets(text: string): string {
  return forms.reduce((rest, [form, kept]) => rest.replace(form, kept), text);
}

/** Whether the name of a variable or an option says that its value is a secret. */
export function isSecretName(name: string): boolean {
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
