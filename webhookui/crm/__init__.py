"""Records: modules, fields, field types, references and changes (specification section 2). Does not know workflows."""
