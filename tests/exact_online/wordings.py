"""How Exact may say that it does not know a field: nobody has published its words, so here are those of others."""

from __future__ import annotations

UNKNOWN_FIELD = {
    # Microsoft's libraries for OData, versions 1 to 8, which .NET services use.
    "odata lib": "Could not find a property named '{field}' on type '{type}'.",
    "odata lib, uri": "The query specified in the URI is not valid. Could not find a property named '{field}' on type '{type}'.",
    "wcf $select": "Type '{type}' does not have a property named '{field}' or there is no type with '{field}' name.",
    "wcf parser": "No property '{field}' exists in type '{type}' at position 0.",
    "wcf write": "The property name '{field}' specified for type '{type}' is not valid.",
    "odata lib, term": (
        "Term '{field}' is not valid in a $select or $expand expression. Only property names are allowed, and '{type}' "
        "has none of this name."
    ),
    "web api": "The type '{type}' does not contain a property with the name '{field}'.",
    "double quotes": 'Invalid property "{field}" on entity "{type}".',
    "html": "Could not find a property named &#39;{field}&#39; on type &#39;{type}&#39;.",
    "reversed": "'{field}' is not a valid property of type '{type}'.",
    "database": "Invalid column name '{field}'.",
    "bare": "Could not find a property named {field} on type {type}.",
    "bare parser": "No property {field} exists in type {type} at position 0.",
    "bare field": "Unknown field: {field}",
    "bare column": "Column {field} does not exist on {type}.",
    "dutch": "Kan geen eigenschap met de naam '{field}' vinden op type '{type}'.",
    "dutch short": "Eigenschap '{field}' bestaat niet.",
    "dutch bare": "Eigenschap {field} bestaat niet in {type}",
    "dutch name": "De eigenschapsnaam '{field}' die voor het type '{type}' is opgegeven, is niet geldig.",
    "dutch type": "Het type '{type}' heeft geen eigenschap met de naam '{field}'.",
    "dutch field": "Onbekend veld \"{field}\" in '{type}'",
    "french": "Impossible de trouver une propriété nommée « {field} » sur le type « {type} ».",
    "german": "Eine Eigenschaft mit dem Namen „{field}“ wurde für den Typ „{type}“ nicht gefunden.",
    "spanish": "No se encontró una propiedad con el nombre '{field}' en el tipo '{type}'.",
}
"""Name of a wording → the sentence, with places for the field and the type."""

SAYS_NOTHING = (
    "Error in query syntax.",
    "Error in query syntax. Description: the Unit or Code is not valid, see Notes. Type: '{type}', Status: 400.",
    "An error occurred while processing this request: {field}.",
    "The value of '{field}' is not allowed here.",
    "Error in converting value for property '{field}' to type 'Guid'.",
    "A request must hold the property '{field}'.",
    "Cannot read '{field}'.",
    "The property 'SomethingElse' of type '{type}' is not valid.",
    "The property '{field}' is not valid. The property 'Division' is not valid, and neither is the property '{other}'.",
    "A $filter on the property '{field}' is not possible.",
    "Access to the type '{field}' is not possible.",
    "Bad Request",
    "",
)
"""Sentences that name no field as the one that is unknown, whatever words of fields they hold."""
