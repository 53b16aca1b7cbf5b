"""The custom resource definitions, generated from the contract, and what an older hub lacks of them."""
