/** What the monitoring tools read from the environment. */
import { COMMON_SETTINGS, readSettings } from '../runtime/config.js';

/** Label the alerts carry. @throws ConfigError when it is malformed. */
export function monitoringHash(): string {
  return readSettings({ genesisLabel: COMMON_SETTINGS.genesisLabel }).genesisLabel;
}

/** Environment of the control plane that the charts are drawn of. */
export function chartsEnvironment(): Record<string, string | undefined> {
  return { ...process.env };
}
