/** Makes one real alert: Prometheus and Alertmanager watching a dead instance, or a recorded payload where they are missing. */
import { join } from 'node:path';
import { postAlert } from '../client/alertmanager-webhook.js';
import { SECRET } from '../runtime/secret-files.js';
import type { Stoppable } from '../runtime/lifecycle.js';
import { findMonitoring, startMonitoring } from './monitoring.js';

export interface AlertSource extends Stoppable {
  /** What makes the alert, for the reader. */
  readonly description: string;
  /** Brings the alert about: nothing to do where Prometheus sees for itself. */
  trigger(): Promise<void>;
}

export interface AlertSourceOptions {
  readonly folder: string;
  readonly dataDirectory: string;
  readonly service: string;
  /** host:port of the instance that will die. */
  readonly watched: string;
  readonly webhookUrl: string;
  readonly webhookToken: string;
  readonly constitutionalHash: string;
}

/** Starts what watches the instance. */
export async function openAlertSource(options: AlertSourceOptions): Promise<AlertSource> {
  const found = findMonitoring();
  if ('missing' in found) {
    return {
      description: `a recorded Alertmanager payload, because there is no ${found.missing} on this machine`,
      trigger: () => postRecorded(options),
      stop: () => Promise.resolve(),
    };
  }
  const monitoring = await startMonitoring(found, {
    folder: options.folder,
    targets: [{ service: options.service, address: options.watched }],
    webhookUrl: options.webhookUrl,
    webhookTokenFile: join(options.dataDirectory, 'secrets', SECRET.alertmanagerToken),
    constitutionalHash: options.constitutionalHash,
  });
  return {
    description: `a real Prometheus (${monitoring.prometheusUrl}) and Alertmanager (${monitoring.alertmanagerUrl})`,
    trigger: () => Promise.resolve(),
    stop: () => monitoring.stop(),
  };
}

async function postRecorded({ webhookUrl, webhookToken, service, watched, constitutionalHash }: AlertSourceOptions): Promise<void> {
  const labels = { alertname: 'ServiceDown', severity: 'critical', service, instance: watched, job: 'acgs', constitutional_hash: constitutionalHash };
  const annotations = { summary: `${service} does not answer`, description: `The instance ${watched} of ${service} has not been scraped.` };
  const response = await postAlert(webhookUrl, webhookToken, {
    labels, annotations, fingerprint: '5ef77f1f8a3ecf8d', startsAt: new Date().toISOString(),
    groupKey: `{}:{alertname="ServiceDown", service="${service}"}`, groupLabels: { alertname: 'ServiceDown', service },
  });
  if (!response.ok) throw new Error(`The webhook answered ${response.status}: ${await response.text()}`);
}
