"""An agent whose callers prove who they are with a PIN. Used by the tests of calls and planners."""

AGENT = """
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceAgent
metadata: {name: parcel-desk, namespace: support}
spec:
  opening: "Hello."
  intents:
    - name: prove-who-you-are
      examples: ["I want to identify myself", "verify me with my PIN", "log me in"]
      slots: [{name: pin, type: digits, length: 4, ask: "What is your PIN?"}]
      tool: check-pin
      reply: "Thank you."
    - name: cancel-contract
      examples: ["cancel my contract", "I want to end the contract"]
      tool: cancel
      reply: "It is cancelled."
  tools:
    - {name: check-pin, http: {method: POST, url: "http://a.svc/pin"}, grants: verified}
    - {name: cancel, http: {method: POST, url: "http://a.svc/cancel"}, requires: verified}
"""
