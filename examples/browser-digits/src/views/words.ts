const wholeNumber = new Intl.NumberFormat('en');

/** `12,345` */
export const count = (value: number): string => wholeNumber.format(value);

/** `3 digits`, `1 digit` */
export const counted = (value: number, what: string): string => `${count(value)} ${what}${value === 1 ? '' : 's'}`;

/** `97 %`; what is not certain is never shown as 100 %. */
export const percent = (part: number): string => `${Math.min(part < 1 ? 99 : 100, Math.round(part * 100))} %`;

/** `39 kB` */
export const kilobytes = (bytes: number): string => `${count(Math.round(bytes / 1000))} kB`;

/** `1.4 ms` below ten, whole above. */
export const milliseconds = (value: number): string => `${value < 10 ? value.toFixed(1) : count(Math.round(value))} ms`;
