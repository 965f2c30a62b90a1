"""Records: modules, fields, field types, references and changes (SPEC section 2). Does not know workflows."""
