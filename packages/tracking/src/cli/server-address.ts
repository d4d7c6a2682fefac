import { type CommandIo, UsageError } from './command';

/**
 * The options by which a command reaches the MLflow server that its arguments name, or else the environment.
 * @param option the name of the option, such as `--to`
 * @throws UsageError where neither names one, or not by an address
 */
export function serverAddress(
  option: string,
  given: string | undefined,
  { env }: Pick<CommandIo, 'env'>,
): { readonly url?: string } {
  if (given === undefined) {
    if (env.MLFLOW_TRACKING_URI !== undefined && env.MLFLOW_TRACKING_URI !== '') return {};
    throw new UsageError(`Say which server: ${option} <url>, or MLFLOW_TRACKING_URI in the environment.`);
  }
  if (!/^https?:\/\//i.test(given) || !URL.canParse(given)) {
    throw new UsageError(
      `${option} must be the http or https address of an MLflow server, such as http://127.0.0.1:5000.`,
    );
  }
  return { url: given };
}
