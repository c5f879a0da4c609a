// Performs calls for a test with the AWS SDK for JavaScript: one JSON request a line on stdin, one JSON answer a line on stdout.
// Clients get no endpoint and no key: they read the environment, as a user's program does. What a client is given beyond that
// comes with the request: `hostPrefix` leaves the SDK's host prefixes on, `cbor` picks that protocol, `endpoint` names another.
"use strict";
const dns = require("node:dns");
const readline = require("node:readline");
const { AwsSmithyRpcV2CborProtocol } = require("@aws-sdk/core/protocols");

const sdk = {
  cloudformation: [require("@aws-sdk/client-cloudformation"), "CloudFormationClient"],
  cloudwatch: [require("@aws-sdk/client-cloudwatch"), "CloudWatchClient"],
  ec2: [require("@aws-sdk/client-ec2"), "EC2Client"],
  ecs: [require("@aws-sdk/client-ecs"), "ECSClient"],
  logs: [require("@aws-sdk/client-cloudwatch-logs"), "CloudWatchLogsClient"],
  secretsmanager: [require("@aws-sdk/client-secrets-manager"), "SecretsManagerClient"],
  servicediscovery: [require("@aws-sdk/client-servicediscovery"), "ServiceDiscoveryClient"],
  ssm: [require("@aws-sdk/client-ssm"), "SSMClient"],
  sts: [require("@aws-sdk/client-sts"), "STSClient"],
};
const clients = {};
const sent = {};

// What a line in the hosts file would say: names below `test` are this machine.
const lookup = dns.lookup;
dns.lookup = (name, ...rest) => lookup(name.endsWith(".test") ? "127.0.0.1" : name, ...rest);

function client(service, { hostPrefix = false, cbor = false, endpoint } = {}) {
  const key = JSON.stringify([service, hostPrefix, cbor, endpoint]);
  if (!clients[key]) {
    const [module, name] = sdk[service];
    const protocol = cbor ? { protocol: AwsSmithyRpcV2CborProtocol } : {};
    const address = endpoint ? { endpoint } : {};
    clients[key] = new module[name]({ disableHostPrefix: !hostPrefix, maxAttempts: 1, ...protocol, ...address });
    clients[key].middlewareStack.add(
      (next) => (call) => {
        sent.host = call.request.hostname;
        sent.protocol = call.request.headers["smithy-protocol"] ?? call.request.headers["content-type"];
        return next(call);
      },
      { step: "finalizeRequest", priority: "low" },
    );
  }
  return clients[key];
}

async function answer({ service, operation, input, waiter, options }) {
  const [module] = sdk[service];
  try {
    if (waiter) {
      const timing = { maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
      await module[`waitUntil${waiter}`]({ client: client(service, options), ...timing }, input);
      return { output: {} };
    }
    const { $metadata, ...output } = await client(service, options).send(new module[`${operation}Command`](input));
    return { output, sent };
  } catch (error) {
    return { error: { code: error.Code ?? error.code ?? error.name, message: error.message }, sent };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
  }
}

main();
