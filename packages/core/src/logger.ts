import { messageOf } from './errors';

/** Where Fairlead writes what a person should know. A pino logger fits as it is. */
export interface Logger {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

/** Writes warnings and errors to the console, one line each; drops the rest. */
export const consoleLogger: Logger = {
  debug() {},
  info() {},
  warn: (_details, message) => console.warn(`[fairlead] ${message}`),
  error: (_details, message) => console.error(`[fairlead] ${message}`),
};

/** The same logger, harmless: what it throws goes to the console, with the line that it was given. */
export function guardLogger(logger: Logger): Logger {
  const guard =
    (level: keyof Logger): Logger['error'] =>
    (details, message) => {
      try {
        logger[level](details, message);
      } catch (error) {
        consoleLogger.error(details, `${message} (The logger threw at this line: ${messageOf(error)})`);
      }
    };
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') };
}
