/** Every file below ops/ that is written from the sources of this folder. */
import { dashboardJson } from './dashboard-json.js';
import { DASHBOARDS } from './panels.js';
import { alertFile, alertTestFile, recordingFile } from './rule-files.js';

/** A file with its path below ops/. */
export interface WrittenFile {
  readonly path: string;
  readonly text: string;
}

/** @param constitutionalHash label the alerts carry. */
export function writtenFiles(constitutionalHash: string): WrittenFile[] {
  return [
    { path: 'prometheus/rules/recording.yml', text: recordingFile() },
    { path: 'prometheus/rules/alerts.yml', text: alertFile(constitutionalHash) },
    { path: 'prometheus/tests/alerts.yml', text: alertTestFile(constitutionalHash) },
    ...DASHBOARDS.map((dashboard) => ({ path: `grafana/dashboards/${dashboard.uid}.json`, text: dashboardJson(dashboard) })),
  ];
}
