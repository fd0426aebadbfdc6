//! From a bounded decimal to field elements, shares and back.
