/** Metrics of the models in production: how accurate they were measured to be, beside what they replaced. */
import { storedGauge, type StoredGaugeDeps } from '../kernel/stored-gauges.js';
import type { ModelStore } from './store-models.js';

/** Models that are exported, those whose alias moved last: a name is data, and must not become any number of series. */
const MAX_MODELS = 50;

/** Registers the gauges. A model's first version is its own baseline. */
export function showModels(deps: StoredGaugeDeps, models: Pick<ModelStore, 'inProduction'>): void {
  storedGauge(deps, {
    name: 'acgs_model_accuracy', help: 'Measured accuracy, 0 to 1, of the version that the alias production names.', labelNames: ['model'],
    read: async () => (await models.inProduction(MAX_MODELS)).map(({ model, accuracy }) => ({ labels: { model }, value: accuracy })),
  });
  storedGauge(deps, {
    name: 'acgs_model_accuracy_baseline', help: 'Measured accuracy, 0 to 1, of the version that was in production before; of the present one where there was none.', labelNames: ['model'],
    read: async () => (await models.inProduction(MAX_MODELS)).map(({ model, accuracy, before }) => ({ labels: { model }, value: before ?? accuracy })),
  });
}
