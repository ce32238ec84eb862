"""Verifies signed calls by `standardwebhooks` and `svix`: what is right must pass, and what is not must be refused."""

import json
import sys

import standardwebhooks
import svix.webhooks

PACKAGES = {
    "standardwebhooks": (standardwebhooks.Webhook, standardwebhooks.WebhookVerificationError),
    "svix": (svix.webhooks.Webhook, svix.webhooks.WebhookVerificationError),
}


def main(path):
    given = json.load(open(path, encoding="utf-8"))
    verdicts = wrong = 0
    for package, (webhook, refusal) in PACKAGES.items():

        def expect(passes, what, secret, body, headers):
            nonlocal verdicts, wrong
            verdicts += 1
            try:
                webhook(secret).verify(body, headers)
                passed = True
            except refusal:
                passed = False
            if passed != passes:
                wrong += 1
                print(f"{package}: {what}: {'passed' if passed else 'was refused'}")

        for call in given["calls"]:
            name, headers, body = call["name"], call["headers"], call["body"]
            if name == "old":
                expect(False, "an hour old", given["new"], body, headers)
                continue
            expect(True, f"{name}, the right secret", given["new"], body, headers)
            expect(False, f"{name}, a wrong secret", given["other"], body, headers)
            expect(name == "rotated", f"{name}, the old secret", given["old"], body, headers)
            expect(False, f"{name}, another body", given["new"], body.replace("e", "f", 1), headers)
            for header in ("webhook-id", "webhook-timestamp"):
                other = {**headers, header: headers[header][:-1] + ("1" if headers[header][-1] == "0" else "0")}
                expect(False, f"{name}, another {header}", given["new"], body, other)
    print(f"verified {len(PACKAGES)} packages, {len(given['calls'])} calls, {verdicts} verdicts")
    sys.exit(wrong > 0)


main(sys.argv[1])
