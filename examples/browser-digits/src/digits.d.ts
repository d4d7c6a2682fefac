/** Facts of the data and the model, which `build/digits.ts` puts in when the page is built. */
declare module 'virtual:digits' {
  /** Where the model lies, relative to the page. */
  export const modelUrl: string;
  /** SHA-256 of the model's file, hex. */
  export const modelDigest: string;
  /** Bytes of the model's file. */
  export const modelBytes: number;
  /** Rows that the model was never trained on: 64 characters, each a pixel from `0` to `g` (16), and the digit. */
  export const samples: readonly string[];
}
